//! NetFlow v1, v5, v7: what parses, emits to octets that parse to the same, and the octets are those that came,
//! but for reserved ones.

macro_rules! target {
    ($name:ident, $protocol:ident) => {
        /// One datagram.
        pub fn $name(data: &[u8]) {
            use weir_wire::netflow::$name::{Datagram, HEADER_LEN, RECORD_LEN, RECORDS_MAX, Record, emit};
            let datagram = match Datagram::new_checked(data) {
                Ok(datagram) => datagram,
                Err(error) => return assert!(error.offset <= data.len()),
            };
            assert_eq!(weir_wire::detect(data), Some(weir_wire::Protocol::$protocol));
            let records: Vec<Record> = datagram.records().collect();
            assert!((1..=RECORDS_MAX).contains(&records.len()));
            assert_eq!(datagram.body().len(), records.len() * RECORD_LEN);
            super::assert_at(data, HEADER_LEN, datagram.body());
            let mut out = [0; 2000];
            let len = emit(&datagram.header(), &records, &mut out).unwrap();
            let again = Datagram::new_checked(&out[..len]).unwrap();
            assert_eq!(again.header(), datagram.header());
            assert!(again.records().eq(records));
        }
    };
}

target!(v1, NetflowV1);
target!(v5, NetflowV5);
target!(v7, NetflowV7);
