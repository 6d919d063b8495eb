//! TCP flags by letter (RFC 9293 §3.1; E and C of RFC 3168, N of RFC 3540).

/// Letters, names and bits, in the order people write them.
const FLAGS: &[(char, &str, u16)] = &[
    ('S', "syn", 0x002),
    ('A', "ack", 0x010),
    ('F', "fin", 0x001),
    ('R', "rst", 0x004),
    ('P', "psh", 0x008),
    ('U', "urg", 0x020),
    ('E', "ece", 0x040),
    ('C', "cwr", 0x080),
    ('N', "ns", 0x100),
];

/// The bits of a word: one flag's name, or letters in any order and case.
pub(super) fn bits(word: &str) -> Option<u16> {
    if let Some((_, _, bit)) = FLAGS.iter().find(|(_, name, _)| word.eq_ignore_ascii_case(name)) {
        return Some(*bit);
    }
    // nfdump's word for all of the first six.
    if word.eq_ignore_ascii_case("x") {
        return Some(0x03f);
    }
    let bit =
        |c: char| FLAGS.iter().find(|(letter, _, _)| c.eq_ignore_ascii_case(letter)).map(|(_, _, bit)| *bit);
    if word.is_empty() { None } else { word.chars().map(bit).try_fold(0, |bits, bit| Some(bits | bit?)) }
}

/// The bits as letters, or as a number where some have none.
pub(super) fn letters(bits: u16) -> String {
    let named = FLAGS.iter().filter(|(_, _, bit)| bits & bit != 0);
    let (letters, covered) = named.fold((String::new(), 0), |(letters, covered), (letter, _, bit)| {
        (letters + letter.encode_utf8(&mut [0; 4]), covered | bit)
    });
    if bits != 0 && covered == bits { letters } else { format!("{bits:#x}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_the_bits_of_the_header() {
        assert_eq!(
            (bits("S"), bits("sa"), bits("ack"), bits("FPU")),
            (Some(2), Some(18), Some(16), Some(41))
        );
        assert_eq!((bits(""), bits("X"), bits("SX")), (None, Some(63), None));
        assert_eq!(
            (letters(2), letters(18), letters(0), letters(0x202)),
            ("S".into(), "SA".into(), "0x0".into(), "0x202".into())
        );
        for n in 1..0x200 {
            assert_eq!(bits(&letters(n)), Some(n));
        }
    }
}
