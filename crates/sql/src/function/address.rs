//! `addr('10.0.0.1')`, `mac('02:00:5e:00:01:fe')` and `ip(src_addr)`: between text and addresses.

use super::{is_text, text_at, texts, wrong};
use crate::cell;
use crate::column::{ADDR, MAC};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::{Arc, LazyLock};
use weir_flow::{Addr, Mac};

/// The address that a text says.
pub(crate) static ADDR_OF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| parse("addr"));
/// The MAC address that a text says.
pub(crate) static MAC_OF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| parse("mac"));
/// An address, or a MAC address, as text.
pub(crate) static IP_OF: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    Arc::new(ScalarUDF::from(Show { signature: Signature::user_defined(Volatility::Immutable) }))
});

fn parse(name: &'static str) -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::from(Parse { name, signature }))
}

/// `addr` and `mac`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Parse {
    name: &'static str,
    signature: Signature,
}

impl Parse {
    fn octets(&self, text: &str) -> Result<Vec<u8>> {
        if self.name == "mac" {
            let mac: Result<Mac, ()> = text.trim().parse();
            return mac
                .map(|mac| mac.octets().to_vec())
                .map_err(|()| wrong(format!("'{text}' is no MAC address: write it as '02:00:5e:00:01:fe'")));
        }
        let addr: Result<Addr, _> = text.trim().parse();
        addr.map(|addr| addr.octets().to_vec()).map_err(|_| {
            let cure = if text.contains('/') {
                format!("; for a network ask in_net(src_addr, '{text}')")
            } else {
                ": write it as '10.0.0.1' or '2001:db8::1'".to_owned()
            };
            wrong(format!("'{text}' is no IP address{cure}"))
        })
    }

    fn own(&self) -> (DataType, i32) {
        if self.name == "mac" { (MAC, 6) } else { (ADDR, 16) }
    }
}

impl ScalarUDFImpl for Parse {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.own().0)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [one] if *one == self.own().0 => Ok(types.to_vec()),
            [one] if is_text(one) || *one == DataType::Null => Ok(vec![DataType::Utf8]),
            _ => Err(wrong(format!("{} takes one text", self.name))),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [values] = arrays.as_slice() else { return Err(wrong(format!("{} takes one text", self.name))) };
        if *values.data_type() == self.own().0 {
            return Ok(ColumnarValue::Array(Arc::clone(values)));
        }
        let strings = texts(values)?;
        let mut builder = FixedSizeBinaryBuilder::with_capacity(strings.len(), self.own().1);
        for row in 0..strings.len() {
            match text_at(&strings, row) {
                Some(text) => builder.append_value(self.octets(text)?)?,
                None => builder.append_null(),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(builder.finish())))
    }
}

/// `ip`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Show {
    signature: Signature,
}

impl ScalarUDFImpl for Show {
    fn name(&self) -> &'static str {
        "ip"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [one] if *one == ADDR || *one == MAC => Ok(types.to_vec()),
            [one] if is_text(one) || *one == DataType::Null => Ok(vec![DataType::Utf8]),
            _ => Err(wrong("ip takes one address, as ip(src_addr)")),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [values] = arrays.as_slice() else { return Err(wrong("ip takes one address")) };
        let Some(octets) = values.as_fixed_size_binary_opt() else {
            return Ok(ColumnarValue::Array(texts(values)?));
        };
        let mut builder = StringBuilder::with_capacity(octets.len(), octets.len() * 12);
        for row in 0..octets.len() {
            if octets.is_null(row) {
                builder.append_null();
            } else {
                builder.append_value(cell::text(octets.data_type(), octets.value(row)));
            }
        }
        let array: ArrayRef = Arc::new(builder.finish());
        Ok(ColumnarValue::Array(array))
    }
}
