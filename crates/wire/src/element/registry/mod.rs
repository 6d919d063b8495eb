//! The tables: one generated file per list of `crates/wire/element`.
//!
//! To add an element, add a line to the list and run `cargo xtask codegen`.

/// Makes a constant of every element's number, and the table of the elements sorted by number.
macro_rules! elements {
    ($enterprise:literal; $($id:literal $constant:ident $name:literal $data_type:ident $semantics:ident $unit:tt)+) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: u16 = $id;
        )+

        /// Every element of this enterprise, sorted by number.
        pub static TABLE: [$crate::element::Element; [$($id),+].len()] = [$($crate::element::Element {
            id: $id,
            enterprise: $enterprise,
            name: $name,
            data_type: $crate::element::Type::$data_type,
            semantics: $crate::element::Semantics::$semantics,
            unit: unit!($unit),
            reverse: false,
        }),+];
    };
}

/// A unit, or `-` for none.
macro_rules! unit {
    (-) => {
        None
    };
    ($unit:ident) => {
        Some($crate::element::Unit::$unit)
    };
}

pub mod barracuda;
pub mod cert;
pub mod cesnet;
pub mod cisco;
pub mod flowmon;
pub mod gigamon;
pub mod huawei;
pub mod iana;
pub mod ixia;
pub mod juniper;
pub mod netscaler;
pub mod niagara;
pub mod nokia;
pub mod ntop;
pub mod paloalto;
pub mod plixer;
pub mod procera;
pub mod viptela;
pub mod vmware;
