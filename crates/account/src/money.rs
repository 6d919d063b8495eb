//! Amounts of money, exactly: prices are decimals as they are written, amounts are integers of a currency's
//! smallest unit, and where something must be rounded [`Rounding::quotient`] does it, once.
//!
//! A price such as 0.0375 € per GB times 1,234,567,890 octets is computed as one fraction of integers; only the
//! line's amount is rounded, by the rule that the tariff names. Parts of a whole are shared out by largest
//! remainder ([`shares`]), so that they sum to it (Invariant 8).

use std::cmp::Ordering;
use std::fmt;

/// So many places behind the point a price may have.
const PLACES_MAX: u8 = 12;
/// So many digits a price may have in all: times any octets it fits 128 bits.
const DIGITS_MAX: usize = 18;

/// A decimal as it was written: `units` × 10^-`places`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    units: i64,
    places: u8,
}

/// A text that is no decimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDecimal {
    /// The text as given.
    pub text: String,
}

impl fmt::Display for NotDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is no exact amount: write digits with a point, as in \"0.0375\" (at most {PLACES_MAX} places, \
             {DIGITS_MAX} digits)",
            self.text
        )
    }
}

impl std::error::Error for NotDecimal {}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { units: 0, places: 0 };

    /// From an integer.
    #[must_use]
    pub const fn integer(units: i64) -> Self {
        Self { units, places: 0 }
    }

    /// Reads `12`, `-0.5`, `0.0375`: digits, a point, digits; nothing else, so that no thousands separator is taken
    /// for a point.
    ///
    /// # Errors
    /// [`NotDecimal`]
    pub fn parse(text: &str) -> Result<Self, NotDecimal> {
        let wrong = || NotDecimal { text: text.to_owned() };
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, part) = match digits.split_once('.') {
            Some((whole, part)) if !part.is_empty() => (whole, part),
            Some(_) => return Err(wrong()),
            None => (digits, ""),
        };
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let count = whole.len().saturating_add(part.len());
        if whole.is_empty() || !is_digits(whole) || !is_digits(part) || count > DIGITS_MAX {
            return Err(wrong());
        }
        let places =
            u8::try_from(part.len()).ok().filter(|places| *places <= PLACES_MAX).ok_or_else(wrong)?;
        let units: i64 = [whole, part].concat().parse().map_err(|_| wrong())?;
        Ok(Self { units: if is_negative { units.saturating_neg() } else { units }, places })
    }

    /// Whether it is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.units < 0
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.units == 0
    }

    /// It as a fraction: numerator, and a power of ten.
    #[must_use]
    pub fn fraction(self) -> (i128, i128) {
        (self.units.into(), ten_to(self.places))
    }

    /// It in so many places, if it can be written in them exactly.
    #[must_use]
    pub fn exactly(self, places: u8) -> Option<i128> {
        let (numerator, denominator) = self.fraction();
        let scaled = numerator.checked_mul(ten_to(places))?;
        (scaled.checked_rem(denominator)? == 0).then(|| scaled.checked_div(denominator))?
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let ((a, b), (c, d)) = (self.fraction(), other.fraction());
        a.checked_mul(d)?.partial_cmp(&c.checked_mul(b)?)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.units.into(), self.places)
    }
}

/// 10 to this power; at most [`PLACES_MAX`] is asked for.
fn ten_to(places: u8) -> i128 {
    10i128.saturating_pow(places.into())
}

/// Writes an integer with its last `places` digits behind a point.
fn write_scaled(f: &mut fmt::Formatter<'_>, value: i128, places: u8) -> fmt::Result {
    let sign = if value < 0 { "-" } else { "" };
    let scale = ten_to(places).unsigned_abs();
    let absolute = value.unsigned_abs();
    let whole = absolute.checked_div(scale).unwrap_or(0);
    if places == 0 {
        return write!(f, "{sign}{whole}");
    }
    let part = absolute.checked_rem(scale).unwrap_or(0);
    write!(f, "{sign}{whole}.{part:0width$}", width = usize::from(places))
}

/// A currency: its code of three letters and how many places its smallest unit has (ISO 4217).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency {
    code: String,
    places: u8,
}

/// Currencies whose smallest unit is not a hundredth (ISO 4217, table A.1).
const OTHER_PLACES: [(u8, &[&str]); 3] = [
    (
        0,
        &[
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV",
            "XAF", "XOF", "XPF",
        ],
    ),
    (3, &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
    (4, &["CLF", "UYW"]),
];

impl Currency {
    /// The currency of this code; one that ISO 4217 does not list as different has hundredths. `None` for anything but
    /// three capital letters.
    #[must_use]
    pub fn by_code(code: &str) -> Option<Self> {
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let other = OTHER_PLACES.iter().find(|(_, codes)| codes.contains(&code));
        Some(Self { code: code.to_owned(), places: other.map_or(2, |(places, _)| *places) })
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// How many places behind the point its amounts have.
    #[must_use]
    pub const fn places(&self) -> u8 {
        self.places
    }

    /// An amount as text, without the code: `-12.50`, in JPY `1250`.
    #[must_use]
    pub fn text(&self, amount: Money) -> String {
        struct Text(i128, u8);
        impl fmt::Display for Text {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_scaled(f, self.0, self.1)
            }
        }
        Text(amount.minor, self.places).to_string()
    }

    /// An amount that was written down.
    ///
    /// # Errors
    /// The currency has no such part: half a cent.
    pub fn amount(&self, written: Decimal) -> Result<Money, NotDecimal> {
        let minor = written.exactly(self.places).ok_or_else(|| NotDecimal { text: written.to_string() })?;
        Ok(Money { minor })
    }
}

/// An amount, in the smallest unit of its tariff's currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    /// Cents, say.
    pub minor: i128,
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self { minor: 0 };

    /// Both together; `None` if that does not fit.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        Some(Self { minor: self.minor.checked_add(other.minor)? })
    }

    /// The sum of many; `None` if it does not fit.
    #[must_use]
    pub fn sum(many: impl IntoIterator<Item = Self>) -> Option<Self> {
        many.into_iter().try_fold(Self::ZERO, Self::plus)
    }
}

/// How an amount is rounded to the smallest unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest; a half away from zero: what invoices mostly do.
    #[default]
    HalfUp,
    /// To the nearest; a half to the even neighbour: what banks do.
    HalfEven,
    /// Towards zero: never to the customer's loss.
    Down,
    /// Away from zero.
    Up,
}

impl Rounding {
    /// Every rule.
    pub const ALL: [Self; 4] = [Self::HalfUp, Self::HalfEven, Self::Down, Self::Up];

    /// Its word in configuration and on statements.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::HalfUp => "half-up",
            Self::HalfEven => "half-even",
            Self::Down => "down",
            Self::Up => "up",
        }
    }

    /// `numerator / denominator` as an integer: the one place where money is rounded. `None` for a denominator that is
    /// not above zero, or if it does not fit.
    #[must_use]
    pub fn quotient(self, numerator: i128, denominator: i128) -> Option<i128> {
        if denominator <= 0 {
            return None;
        }
        let whole = numerator.checked_div(denominator)?;
        let rest = numerator.checked_rem(denominator)?.unsigned_abs();
        let half = rest.cmp(&denominator.unsigned_abs().checked_sub(rest)?);
        let is_away = match self {
            Self::HalfUp => half != Ordering::Less,
            Self::HalfEven => {
                half == Ordering::Greater || (half == Ordering::Equal && whole.checked_rem(2)? != 0)
            }
            Self::Down => false,
            Self::Up => rest > 0,
        };
        if is_away { whole.checked_add(numerator.signum()) } else { Some(whole) }
    }

    /// A product of fractions as an amount of a currency with so many places: each is a numerator over a denominator.
    /// `None` if it does not fit 128 bits.
    #[must_use]
    pub fn product(self, factors: &[(i128, i128)], places: u8) -> Option<Money> {
        let mut numerator = ten_to(places);
        let mut denominator = 1i128;
        for (above, below) in factors {
            // What both have in common is taken out first, so that more fits.
            let (one, other) = (common(*above, denominator), common(numerator, *below));
            numerator = numerator.checked_div(other)?.checked_mul(above.checked_div(one)?)?;
            denominator = denominator.checked_div(one)?.checked_mul(below.checked_div(other)?)?;
        }
        Some(Money { minor: self.quotient(numerator, denominator)? })
    }
}

/// The greatest common divisor, at least 1.
fn common(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while let Some(rest) = a.checked_rem(b) {
        (a, b) = (b, rest);
    }
    i128::try_from(a).unwrap_or(1).max(1)
}

/// A whole shared out by these weights, to the last unit: each gets what is its due rounded down, and the units that
/// are left go to those with the largest remainders, the first ones first. Where all weights are zero nobody gets
/// anything, and the whole is what is left. `None` if it does not fit.
///
/// Returns the parts and what nobody got.
#[must_use]
pub fn shares(whole: i128, weights: &[u128]) -> Option<(Vec<i128>, i128)> {
    let sum = weights.iter().try_fold(0u128, |sum, weight| sum.checked_add(*weight))?;
    if sum == 0 {
        return Some((vec![0; weights.len()], whole));
    }
    let (sign, amount) = (whole.signum(), whole.unsigned_abs());
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    let mut left = amount;
    for (at, weight) in weights.iter().enumerate() {
        let due = amount.checked_mul(*weight)?;
        let part = due.checked_div(sum)?;
        left = left.checked_sub(part)?;
        parts.push(part);
        remainders.push((due.checked_rem(sum)?, at));
    }
    remainders.sort_by(|(a, at), (b, before)| b.cmp(a).then(at.cmp(before)));
    for (_, at) in remainders.into_iter().take(usize::try_from(left).ok()?) {
        let part = parts.get_mut(at)?;
        *part = part.checked_add(1)?;
    }
    let signed = |part: u128| i128::try_from(part).ok()?.checked_mul(sign);
    Some((parts.into_iter().map(signed).collect::<Option<_>>()?, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn decimals_are_what_is_written() {
        for text in ["0", "12", "-0.5", "0.0375", "100.00", "0.000000000001", "-7"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        for text in [
            "",
            ".5",
            "1.",
            "1,5",
            "1e3",
            "+1",
            "--1",
            "1.5.2",
            "0.0000000000001",
            "1234567890123456789",
            " 1",
        ] {
            assert!(Decimal::parse(text).is_err(), "{text}");
        }
        assert!(decimal("0.10") < decimal("0.2") && decimal("-1") < Decimal::ZERO);
        assert_eq!(decimal("0.100").exactly(2), Some(10));
        assert_eq!(decimal("0.105").exactly(2), None);
    }

    #[test]
    fn a_currency_knows_its_places() {
        let places = |code| Currency::by_code(code).map(|currency| currency.places());
        assert_eq!(["EUR", "JPY", "KWD", "CLF"].map(places), [Some(2), Some(0), Some(3), Some(4)]);
        assert_eq!(["eur", "EURO", "€"].map(places), [None; 3]);
        let (euro, yen) = (Currency::by_code("EUR").unwrap(), Currency::by_code("JPY").unwrap());
        assert_eq!(euro.text(Money { minor: -1250 }), "-12.50");
        assert_eq!(euro.text(Money { minor: 5 }), "0.05");
        assert_eq!(yen.text(Money { minor: 1250 }), "1250");
        assert_eq!(euro.amount(decimal("12.5")).unwrap(), Money { minor: 1250 });
        assert!(euro.amount(decimal("0.005")).is_err());
    }

    #[test]
    fn halves_go_where_the_rule_says() {
        // 5/2, -5/2, 7/2, 1/3, -1/3, 4/2 by hand.
        let cases = [(5, 2), (-5, 2), (7, 2), (1, 3), (-1, 3), (4, 2)];
        let all = |rounding: Rounding| cases.map(|(n, d)| rounding.quotient(n, d).unwrap());
        assert_eq!(all(Rounding::HalfUp), [3, -3, 4, 0, 0, 2]);
        assert_eq!(all(Rounding::HalfEven), [2, -2, 4, 0, 0, 2]);
        assert_eq!(all(Rounding::Down), [2, -2, 3, 0, 0, 2]);
        assert_eq!(all(Rounding::Up), [3, -3, 4, 1, -1, 2]);
        assert_eq!(Rounding::HalfUp.quotient(1, 0), None);
    }

    #[test]
    fn a_product_is_rounded_once() {
        // 1,234,567,890 octets at 0.0375 € a GB: 0.04629629… € is 5 cents.
        let price = decimal("0.0375").fraction();
        let amount = |octets| Rounding::HalfUp.product(&[(octets, 1_000_000_000), price], 2);
        assert_eq!(amount(1_234_567_890), Some(Money { minor: 5 }));
        // All of 64 bits at a dear price a GiB: 17,179,869,183.999… GiB × 999.999999 € by hand, with Python's fractions.
        let dear =
            Rounding::HalfUp.product(&[(u64::MAX.into(), 1 << 30), decimal("999.999999").fraction()], 2);
        assert_eq!(dear, Some(Money { minor: 1_717_986_916_682_013 }));
    }

    #[test]
    fn shares_are_of_the_whole() {
        assert_eq!(shares(100, &[1, 1, 1]), Some((vec![34, 33, 33], 0)));
        assert_eq!(shares(-100, &[1, 1, 1]), Some((vec![-34, -33, -33], 0)));
        assert_eq!(shares(5, &[0, 3, 7]), Some((vec![0, 2, 3], 0)));
        assert_eq!(shares(5, &[0, 0]), Some((vec![0, 0], 5)));
        assert_eq!(shares(7, &[]), Some((vec![], 7)));
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole_and_none_is_off_by_one(
            whole in -1_000_000_000i128..1_000_000_000,
            weights in prop::collection::vec(0u128..1_000_000_000_000, 0..40),
        ) {
            let (parts, left) = shares(whole, &weights).unwrap();
            prop_assert_eq!(parts.iter().sum::<i128>() + left, whole);
            let sum: u128 = weights.iter().sum();
            prop_assert_eq!(left != 0 && sum > 0, false);
            for (part, weight) in parts.iter().zip(&weights) {
                // |part × sum - whole × weight| < sum.
                let sum = sum.cast_signed();
                prop_assert!((part * sum - whole * weight.cast_signed()).abs() < sum.max(1));
            }
        }

        #[test]
        fn rounding_is_within_one_of_the_fraction(n in -1_000_000i128..1_000_000, d in 1i128..5_000) {
            for rounding in Rounding::ALL {
                let q = rounding.quotient(n, d).unwrap();
                prop_assert!((q * d - n).abs() < d);
                if matches!(rounding, Rounding::HalfUp | Rounding::HalfEven) {
                    prop_assert!(2 * (q * d - n).abs() <= d);
                }
            }
        }

        #[test]
        fn what_is_written_is_read(units in -999_999_999_999_999_999i64..999_999_999_999_999_999, places in 0u8..=12) {
            let decimal = Decimal { units, places };
            if let Ok(read) = Decimal::parse(&decimal.to_string()) {
                prop_assert_eq!(read, decimal);
            } else {
                // A leading zero makes it one digit longer.
                prop_assert!(units.unsigned_abs() < 10u64.pow(places.into()) || decimal.to_string().len() > 18);
            }
        }
    }
}
