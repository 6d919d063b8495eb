//! What conditions ask of addresses, held against what a row group says of where they are ([`Places`]).
//!
//! Where one side of every flow is anybody, the least and the greatest address of a page exclude nothing; where a host's rows
//! lie, and that a network is nowhere in a block, does. So `src_addr = '10.0.0.1' OR dst_addr = '10.0.0.1'`, `host IN (…)` and `in_net(…)`, which is a
//! range by now, become spans of rows outside of which none can match.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};
use weir_flow::{Addr, Column};
use weir_query::{Places, Spans};
use weir_store::Error;
use weir_store::segment::NETWORK_COLUMNS;

/// Of longer lists nothing is said: each address costs a look at each block.
const LISTED_MAX: usize = 256;

/// What every row that matches meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The address in this column lies between these two, both included.
    Between(Column, Addr, Addr),
    /// All of these.
    All(Vec<Asked>),
    /// At least one of these.
    Any(Vec<Asked>),
}

impl Asked {
    /// What these conditions, all of which are to be met, ask of addresses; `None` if nothing follows.
    pub(super) fn of(filters: &[Expr]) -> Option<Self> {
        let mut conditions = Vec::new();
        filters.iter().for_each(|filter| flatten(filter, Operator::And, &mut conditions));
        let (mut ranges, mut all): (Vec<Bounds>, Vec<Self>) = (Vec::new(), Vec::new());
        for condition in conditions {
            match Bounds::of(condition) {
                Some(bounds) => match ranges.iter_mut().find(|one| one.column == bounds.column) {
                    Some(one) => one.narrow(&bounds),
                    None => ranges.push(bounds),
                },
                None => all.extend(Self::any(condition)),
            }
        }
        // Half a range says nothing: it has too many networks.
        all.extend(ranges.iter().filter_map(|one| Some(Self::Between(one.column, one.low?, one.high?))));
        if all.is_empty() { None } else { Some(Self::All(all)) }
    }

    /// Of a choice.
    fn any(condition: &Expr) -> Option<Self> {
        match condition {
            Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }) => {
                let mut choices = Vec::new();
                flatten(condition, Operator::Or, &mut choices);
                let each = choices.into_iter().map(|choice| Self::of(std::slice::from_ref(choice)));
                each.collect::<Option<Vec<_>>>().map(Self::Any)
            }
            Expr::InList(InList { expr, list, negated: false }) if list.len() <= LISTED_MAX => {
                let column = column(expr)?;
                let each =
                    list.iter().map(|item| address(item).map(|addr| Self::Between(column, addr, addr)));
                each.collect::<Option<Vec<_>>>().map(Self::Any)
            }
            _ => None,
        }
    }

    /// The rows among which all are that match; `None` if the file does not say.
    ///
    /// # Errors
    /// The file cannot be read, or what it says is damaged.
    pub(super) fn rows(&self, places: &Places<'_>) -> Result<Option<Spans>, Error> {
        let each = |of: &[Self]| of.iter().map(|one| one.rows(places)).collect::<Result<Vec<_>, Error>>();
        Ok(match self {
            Self::Between(column, low, high) => places.told(*column, *low, *high)?.may,
            Self::All(all) => each(all)?.into_iter().flatten().reduce(|some, more| some.intersect(&more)),
            Self::Any(any) => {
                each(any)?.into_iter().collect::<Option<Vec<_>>>().map(|each| Spans::union(&each))
            }
        })
    }
}

/// Takes apart what is joined by AND, or by OR.
fn flatten<'a>(condition: &'a Expr, by: Operator, parts: &mut Vec<&'a Expr>) {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == by => {
            flatten(left, by, parts);
            flatten(right, by, parts);
        }
        other => parts.push(other),
    }
}

/// Between which addresses a column is.
struct Bounds {
    column: Column,
    low: Option<Addr>,
    high: Option<Addr>,
}

impl Bounds {
    /// Of a comparison. Whether a bound is included itself is left open: what is said of places may be too much, not too little.
    fn of(condition: &Expr) -> Option<Self> {
        if let Expr::Between(Between { expr, negated: false, low, high }) = condition {
            return Some(Self { column: column(expr)?, low: address(low), high: address(high) });
        }
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return None };
        let (column, op, addr) = match column(left) {
            Some(column) => (column, *op, address(right)?),
            None => (self::column(right)?, op.swap()?, address(left)?),
        };
        let (low, high) = match op {
            Operator::Eq => (Some(addr), Some(addr)),
            Operator::Gt | Operator::GtEq => (Some(addr), None),
            Operator::Lt | Operator::LtEq => (None, Some(addr)),
            _ => return None,
        };
        Some(Self { column, low, high })
    }

    fn narrow(&mut self, other: &Self) {
        self.low = self.low.max(other.low);
        self.high = match (self.high, other.high) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

/// A column whose networks are known.
fn column(expr: &Expr) -> Option<Column> {
    let Expr::Column(column) = expr else { return None };
    Column::by_name(&column.name).filter(|column| NETWORK_COLUMNS & column.bit() != 0)
}

fn address(expr: &Expr) -> Option<Addr> {
    match expr {
        Expr::Literal(ScalarValue::FixedSizeBinary(_, Some(octets)), _) => Addr::from_slice(octets),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{col, lit};

    fn addr(text: &str) -> Addr {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Expr {
        lit(ScalarValue::FixedSizeBinary(16, Some(addr(text).octets().to_vec())))
    }

    fn one(column: Column, text: &str) -> Asked {
        Asked::Between(column, addr(text), addr(text))
    }

    #[test]
    fn what_is_asked_of_addresses() {
        let (a, b) = ("192.0.2.1", "2001:db8::7");
        let all = |asked: Vec<Asked>| Some(Asked::All(asked));
        assert_eq!(Asked::of(&[col("src_addr").eq(at(a))]), all(vec![one(Column::SrcAddr, a)]));
        assert_eq!(
            Asked::of(&[at(a).eq(col("host")).and(col("octets").gt(lit(9)))]),
            all(vec![one(Column::Host, a)])
        );
        // A network is a range, in two conditions or in one.
        let range = all(vec![Asked::Between(Column::DstAddr, addr("10.0.0.0"), addr("10.0.0.255"))]);
        let [low, high] = [col("dst_addr").gt_eq(at("10.0.0.0")), at("10.0.0.255").gt_eq(col("dst_addr"))];
        assert_eq!(Asked::of(&[low.clone(), high.clone()]), range);
        assert_eq!(Asked::of(&[high.and(low.clone())]), range);
        assert_eq!(Asked::of(&[col("dst_addr").between(at("10.0.0.0"), at("10.0.0.255"))]), range);
        // Either side, and a list.
        let either = col("src_addr").eq(at(a)).or(col("dst_addr").eq(at(b)));
        let any = Asked::Any(
            [(Column::SrcAddr, a), (Column::DstAddr, b)]
                .map(|(column, text)| Asked::All(vec![one(column, text)]))
                .to_vec(),
        );
        assert_eq!(Asked::of(&[either]), all(vec![any]));
        let list = Asked::Any([a, b].map(|text| one(Column::NatSrcAddr, text)).to_vec());
        assert_eq!(Asked::of(&[col("nat_src_addr").in_list(vec![at(a), at(b)], false)]), all(vec![list]));
    }

    #[test]
    fn what_says_nothing_of_addresses_excludes_nothing() {
        let a = "192.0.2.1";
        for nothing in [
            col("src_addr").gt(at(a)),
            col("src_addr").not_eq(at(a)),
            col("src_addr").in_list(vec![at(a)], true),
            col("src_addr").in_list(vec![at(a); LISTED_MAX + 1], false),
            col("src_addr").not_between(at(a), at(a)),
            col("src_addr").eq(col("dst_addr")),
            // Of these the blocks know nothing.
            col("exporter").eq(at(a)),
            col("next_hop").eq(at(a)),
            // A choice that may be met without an address.
            col("src_addr").eq(at(a)).or(col("octets").gt(lit(9))),
        ] {
            assert_eq!(Asked::of(std::slice::from_ref(&nothing)), None, "{nothing}");
        }
        assert_eq!(Asked::of(&[]), None);
    }
}
