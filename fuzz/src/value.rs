//! Values as text: the first octet chooses the data type, the rest is the value.

use weir_wire::element::{Type, format};

/// One value.
pub fn value(data: &[u8]) {
    let Some((&choice, value)) = data.split_first() else { return };
    let data_type = Type::ALL[usize::from(choice) % Type::ALL.len()];
    let mut text = String::new();
    format(data_type, value, &mut text).unwrap();
    // One line, readable, and never much longer than what it shows.
    assert!(text.chars().all(|c| !c.is_control()), "{text:?}");
    assert!(text.len() <= 4 * value.len() + 40, "{text:?}");
    if let (Type::Unsigned64 | Type::Unsigned8, 1..=8) = (data_type, value.len()) {
        let number = value.iter().fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet));
        assert_eq!(text, number.to_string());
    }
}
