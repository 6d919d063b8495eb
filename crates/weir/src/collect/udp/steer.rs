//! Which of several sockets of one port gets a datagram: chosen in the kernel by the exporter's address, and not by its
//! port, so that an exporter always meets the same worker, also when it was started again and sends from another port.
//! Its templates are then where its records are, and nobody needs a lock.
//!
//! The program is classic BPF (`SO_ATTACH_REUSEPORT_CBPF`). It answers with the number of a socket, in the order in
//! which they were bound.

use super::super::kernel::Instruction;

// Codes of classic BPF, as in linux/bpf_common.h.
const LOAD_OCTET: u16 = 0x30;
const LOAD_WORD: u16 = 0x20;
const SHIFT_RIGHT: u16 = 0x74;
const MULTIPLY: u16 = 0x24;
const MODULO: u16 = 0x94;
const XOR_WITH_X: u16 = 0xac;
const TO_X: u16 = 0x07;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP: u16 = 0x05;
const RETURN_A: u16 = 0x16;

/// Where the IP header begins, among the offsets that mean something particular (SKF_NET_OFF).
const NETWORK: u32 = 0xfff0_0000;
/// The source address in an IPv4 header.
const SOURCE_V4: u32 = 12;
/// The words of the source address in an IPv6 header.
const SOURCE_V6: [u32; 4] = [8, 12, 16, 20];
/// 2^32 divided by the golden ratio: neighbouring addresses end up far apart (Knuth, TAOCP 6.4).
const SPREAD: u32 = 0x9e37_79b1;
/// The upper bits are the well mixed ones.
const MIXED: u32 = 16;

/// The program for so many sockets.
pub(super) fn program(sockets: u32) -> Vec<Instruction> {
    let step = |code, k| Instruction { code, jt: 0, jf: 0, k };
    let mut six = Vec::new();
    for at in SOURCE_V6 {
        six.push(step(LOAD_WORD, NETWORK + at));
        six.push(step(XOR_WITH_X, 0));
        six.push(step(TO_X, 0));
    }
    // X is 0 at first, and A holds the sum at the end as well.
    let behind_six = u32::try_from(six.len()).unwrap_or(0);
    let mut program = vec![
        step(LOAD_OCTET, NETWORK),
        step(SHIFT_RIGHT, 4),
        Instruction { code: JUMP_IF_EQUAL, jt: 0, jf: 2, k: 4 },
        step(LOAD_WORD, NETWORK + SOURCE_V4),
        step(JUMP, behind_six),
    ];
    program.extend(six);
    program.extend([
        step(MULTIPLY, SPREAD),
        step(SHIFT_RIGHT, MIXED),
        step(MODULO, sockets.max(1)),
        step(RETURN_A, 0),
    ]);
    program
}
