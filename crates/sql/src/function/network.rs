//! `net(addr, 24)` and `in_net(addr, '10.0.0.0/8')`.
//!
//! `in_net` becomes a comparison with the first and the last address of each network before anything is read, so
//! that statistics exclude what lies outside.

use super::{addr_at, is_text, wrong};
use crate::column::ADDR;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use std::sync::{Arc, LazyLock};
use weir_flow::Addr;

/// Bits of an IPv4 address, and those before it where it is mapped into IPv6.
const V4_BITS: u32 = 32;
const MAPPED_BITS: u32 = 96;

/// The network that an address is in.
pub(crate) static NET: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    Arc::new(ScalarUDF::from(Net { signature: Signature::user_defined(Volatility::Immutable) }))
});
/// Whether an address is in one of some networks.
pub(crate) static IN_NET: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    Arc::new(ScalarUDF::from(InNet { signature: Signature::user_defined(Volatility::Immutable) }))
});

/// The first and the last address of `10.0.0.0/8`, or twice the address of `10.0.0.1`.
fn range(text: &str) -> Result<(Addr, Addr)> {
    let bad = || wrong(format!("'{text}' is no network: write it as '10.0.0.0/8' or '2001:db8::/32'"));
    let (address, bits) = match text.trim().split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u32>().map_err(|_| bad())?)),
        None => (text.trim(), None),
    };
    let addr: Addr = address.parse().map_err(|_| bad())?;
    // `::ffff:10.0.0.0/104` names the same as `10.0.0.0/8`.
    let is_v4 = addr.is_v4() && !address.contains(':');
    let before = if is_v4 { MAPPED_BITS } else { 0 };
    let bits = bits.unwrap_or(u128::BITS - before);
    if bits > u128::BITS - before {
        return Err(bad());
    }
    let host = u128::MAX.checked_shr(bits + before).unwrap_or(0);
    Ok((Addr::from_bits(addr.bits() & !host), Addr::from_bits(addr.bits() | host)))
}

fn literal(addr: Addr) -> Expr {
    lit(ScalarValue::FixedSizeBinary(16, Some(addr.octets().to_vec())))
}

/// `in_net`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct InNet {
    signature: Signature,
}

const IN_NET_TAKES: &str =
    "in_net takes an address and networks, as in_net(src_addr, '10.0.0.0/8', '2001:db8::/32')";

impl ScalarUDFImpl for InNet {
    fn name(&self) -> &'static str {
        "in_net"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [addr, nets @ ..] if *addr == ADDR && !nets.is_empty() && nets.iter().all(is_text) => {
                let mut coerced = vec![ADDR];
                coerced.resize(types.len(), DataType::Utf8);
                Ok(coerced)
            }
            _ => Err(wrong(IN_NET_TAKES)),
        }
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let Some((addr, nets)) = args.split_first() else { return Ok(ExprSimplifyResult::Original(args)) };
        let mut any: Option<Expr> = None;
        for net in nets {
            let Expr::Literal(value, _) = net else { return Ok(ExprSimplifyResult::Original(args)) };
            let Some(Some(text)) = value.try_as_str() else { return Ok(ExprSimplifyResult::Original(args)) };
            let (first, last) = range(text)?;
            let inside = addr.clone().gt_eq(literal(first)).and(addr.clone().lt_eq(literal(last)));
            any = Some(any.map_or(inside.clone(), |any| any.or(inside)));
        }
        Ok(any.map_or(ExprSimplifyResult::Original(args), ExprSimplifyResult::Simplified))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some((addrs, nets)) = arrays.split_first() else { return Err(wrong(IN_NET_TAKES)) };
        let mut builder = BooleanBuilder::with_capacity(addrs.len());
        for row in 0..addrs.len() {
            let Some(addr) = addr_at(addrs, row) else {
                builder.append_null();
                continue;
            };
            let mut inside = Some(false);
            for net in nets {
                match super::text_at(net, row).map(range).transpose()? {
                    Some((first, last)) if first <= addr && addr <= last => inside = Some(true),
                    None if inside == Some(false) => inside = None,
                    _ => {}
                }
            }
            builder.append_option(inside);
        }
        Ok(ColumnarValue::Array(Arc::new(builder.finish())))
    }
}

/// `net`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Net {
    signature: Signature,
}

const NET_TAKES: &str = "net takes an address and a length, as net(src_addr, 24), or one for each family, as \
                         net(src_addr, 24, 64)";

impl ScalarUDFImpl for Net {
    fn name(&self) -> &'static str {
        "net"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [addr, bits @ ..]
                if *addr == ADDR
                    && (1..=2).contains(&bits.len())
                    && bits.iter().all(DataType::is_integer) =>
            {
                let mut coerced = vec![ADDR];
                coerced.resize(types.len(), DataType::Int64);
                Ok(coerced)
            }
            _ => Err(wrong(NET_TAKES)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let (addrs, v4, v6) = match arrays.as_slice() {
            [addrs, bits] => (addrs, bits, bits),
            [addrs, v4, v6] => (addrs, v4, v6),
            _ => return Err(wrong(NET_TAKES)),
        };
        let (v4, v6) = (cast(v4, &DataType::Int64)?, cast(v6, &DataType::Int64)?);
        let mut builder = StringBuilder::with_capacity(addrs.len(), addrs.len() * 16);
        for row in 0..addrs.len() {
            let Some(addr) = addr_at(addrs, row) else {
                builder.append_null();
                continue;
            };
            let bits = length(if addr.is_v4() { &v4 } else { &v6 }, row)?;
            builder.append_option(bits.map(|bits| network(addr, bits)));
        }
        let array: ArrayRef = Arc::new(builder.finish());
        Ok(ColumnarValue::Array(array))
    }
}

/// The length of a prefix in a row.
fn length(array: &ArrayRef, row: usize) -> Result<Option<u32>> {
    let lengths = array.as_primitive::<Int64Type>();
    if lengths.is_null(row) {
        return Ok(None);
    }
    let bits = u32::try_from(lengths.value(row)).ok().filter(|bits| *bits <= u128::BITS);
    bits.map(Some)
        .ok_or_else(|| wrong(format!("{} is no length of a network: it is 0 to 128", lengths.value(row))))
}

/// `192.168.31.0/24`.
fn network(addr: Addr, bits: u32) -> String {
    let (before, bits) = if addr.is_v4() { (MAPPED_BITS, bits.min(V4_BITS)) } else { (0, bits) };
    let host = u128::MAX.checked_shr(bits + before).unwrap_or(0);
    format!("{}/{bits}", Addr::from_bits(addr.bits() & !host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str) -> String {
        range(text).map_or_else(|_| "wrong".to_owned(), |(first, last)| format!("{first} {last}"))
    }

    #[test]
    fn networks_are_ranges() {
        assert_eq!(ends("10.0.0.0/8"), "10.0.0.0 10.255.255.255");
        assert_eq!(ends("10.1.2.3/8"), "10.0.0.0 10.255.255.255");
        assert_eq!(ends("0.0.0.0/0"), "0.0.0.0 255.255.255.255");
        assert_eq!(ends("192.0.2.7"), "192.0.2.7 192.0.2.7");
        assert_eq!(ends("192.0.2.7/32"), "192.0.2.7 192.0.2.7");
        assert_eq!(ends("2001:db8::/33"), "2001:db8:: 2001:db8:7fff:ffff:ffff:ffff:ffff:ffff");
        assert_eq!(ends("::/0"), ":: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        assert_eq!(ends("::ffff:10.0.0.0/104"), "10.0.0.0 10.255.255.255");
        for text in ["10.0.0.0/33", "10.0.0/8", "2001:db8::/129", "10.0.0.0/x", "", "/8"] {
            assert_eq!(ends(text), "wrong", "{text}");
        }
    }

    #[test]
    fn addresses_are_in_networks() {
        let of = |addr: &str, bits| network(addr.parse().unwrap_or_default(), bits);
        assert_eq!(of("192.168.31.77", 24), "192.168.31.0/24");
        assert_eq!(of("192.168.31.77", 0), "0.0.0.0/0");
        assert_eq!(of("192.168.31.77", 64), "192.168.31.77/32");
        assert_eq!(of("2001:db8:31::2", 24), "2001:d00::/24");
        assert_eq!(of("2001:db8:31::2", 128), "2001:db8:31::2/128");
    }
}
