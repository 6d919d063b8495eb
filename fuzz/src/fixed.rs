//! NetFlow v1, v5, v6, v7, v8: what parses, emits to octets that parse to the same, and the octets are those that came,
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
target!(v6, NetflowV6);
target!(v7, NetflowV7);

/// One datagram of aggregates.
pub fn v8(data: &[u8]) {
    use weir_wire::netflow::v8::{Datagram, HEADER_LEN, Record, emit};
    let datagram = match Datagram::new_checked(data) {
        Ok(datagram) => datagram,
        Err(error) => return assert!(error.offset <= data.len()),
    };
    assert_eq!(weir_wire::detect(data), Some(weir_wire::Protocol::NetflowV8));
    let header = datagram.header();
    let records: Vec<Record> = datagram.records().collect();
    assert!((1..=header.scheme.records_max()).contains(&records.len()));
    assert_eq!(datagram.body().len(), records.len() * header.scheme.record_len());
    super::assert_at(data, HEADER_LEN, datagram.body());
    // A scheme knows the same of every record, and every one knows octets, packets and times.
    for record in &records {
        assert!(record.packets.is_some() && record.octets.is_some());
        assert!(record.first_ms.is_some() && record.last_ms.is_some());
        assert!(record.src_mask.is_none() || record.src_addr.is_some());
        assert_eq!(record.src_port.is_some(), record.proto.is_some());
    }
    let mut out = [0; 2000];
    let len = emit(&header, &records, &mut out).unwrap();
    let again = Datagram::new_checked(&out[..len]).unwrap();
    assert_eq!(again.header(), header);
    assert!(again.records().eq(records));
}
