//! `host_name(addr)`, `service(proto, port)` and `tenant(addr)`: what the program knows names of.

use super::{addr_at, wrong};
use crate::column::ADDR;
use crate::lookup::Lookup;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, UInt8Type, UInt16Type};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Which of the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Which {
    HostName,
    Service,
    Tenant,
}

/// The functions, asking this.
pub(crate) fn all(lookup: &Arc<dyn Lookup>) -> [ScalarUDF; 3] {
    [Which::HostName, Which::Service, Which::Tenant].map(|which| {
        // A name is the same throughout a question.
        let signature = Signature::user_defined(Volatility::Stable);
        ScalarUDF::from(Named { which, lookup: Arc::clone(lookup), signature })
    })
}

#[derive(Debug)]
struct Named {
    which: Which,
    lookup: Arc<dyn Lookup>,
    signature: Signature,
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.which == other.which && Arc::ptr_eq(&self.lookup, &other.lookup)
    }
}

impl Eq for Named {}

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.which.hash(state);
    }
}

impl Named {
    fn takes(&self) -> &'static str {
        match self.which {
            Which::HostName => "host_name takes one address, as host_name(src_addr)",
            Which::Service => "service takes a protocol and a port, as service(proto, dst_port)",
            Which::Tenant => {
                "tenant takes one address, as tenant(src_addr); the column is tenant without brackets"
            }
        }
    }
}

impl ScalarUDFImpl for Named {
    fn name(&self) -> &str {
        match self.which {
            Which::HostName => "host_name",
            Which::Service => "service",
            Which::Tenant => "tenant",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (self.which, types) {
            (Which::Service, [proto, port]) if proto.is_integer() && port.is_integer() => {
                Ok(vec![DataType::UInt8, DataType::UInt16])
            }
            (Which::HostName | Which::Tenant, [addr]) if *addr == ADDR => Ok(vec![ADDR]),
            _ => Err(wrong(self.takes())),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let names = match (self.which, arrays.as_slice()) {
            (Which::Service, [proto, port]) => {
                let (protos, ports) = (proto.as_primitive::<UInt8Type>(), port.as_primitive::<UInt16Type>());
                let key = |row| {
                    let known = protos.is_valid(row) && ports.is_valid(row);
                    known.then(|| (protos.value(row), ports.value(row)))
                };
                names(proto.len(), key, |(proto, port)| self.lookup.service(proto, port))
            }
            (Which::HostName, [addrs]) => {
                names(addrs.len(), |row| addr_at(addrs, row), |addr| self.lookup.host_name(addr))
            }
            (Which::Tenant, [addrs]) => {
                names(addrs.len(), |row| addr_at(addrs, row), |addr| self.lookup.tenant(addr))
            }
            _ => return Err(wrong(self.takes())),
        };
        Ok(ColumnarValue::Array(names))
    }
}

/// Asks for each key once a batch.
fn names<K: Copy + Eq + Hash>(
    rows: usize,
    key: impl Fn(usize) -> Option<K>,
    name: impl Fn(K) -> Option<String>,
) -> ArrayRef {
    let mut known: HashMap<K, Option<String>> = HashMap::new();
    let mut builder = StringBuilder::new();
    for row in 0..rows {
        let found = key(row).and_then(|key| known.entry(key).or_insert_with(|| name(key)).as_deref());
        builder.append_option(found);
    }
    Arc::new(builder.finish())
}
