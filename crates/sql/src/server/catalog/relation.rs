//! `pg_catalog`: the tables that have rows, and those that have none.

use super::{DATABASE, FIRST_TABLE, INFORMATION_SCHEMA, OWNER, PG_CATALOG, PUBLIC, SETTINGS, Value, table};
use crate::server::value::{pg_type, width};
use crate::session::CATALOG;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::MemTable;
use datafusion::common::Result;
use pgwire::api::Type;
use std::sync::Arc;
use weir_flow::Column;

/// Tables that have rows.
pub(super) const NAMES: &[&str] = &[
    "pg_am",
    "pg_attribute",
    "pg_authid",
    "pg_class",
    "pg_database",
    "pg_description",
    "pg_namespace",
    "pg_roles",
    "pg_settings",
    "pg_tables",
    "pg_type",
    "pg_user",
];

/// Tables without rows, with the columns that others are joined by.
pub(super) const EMPTY: &[(&str, &str)] = &[
    ("pg_aggregate", "aggfnoid:int aggkind"),
    ("pg_attrdef", "oid:int adrelid:int adnum:int adbin adsrc"),
    ("pg_auth_members", "roleid:int member:int grantor:int admin_option:bool"),
    ("pg_cast", "oid:int castsource:int casttarget:int castcontext"),
    ("pg_collation", "oid:int collname collnamespace:int collowner:int collprovider collencoding:int"),
    (
        "pg_constraint",
        "oid:int conname connamespace:int contype condeferrable:bool condeferred:bool convalidated:bool conrelid:int \
         contypid:int conindid:int conparentid:int confrelid:int confupdtype confdeltype confmatchtype conislocal:bool \
         connoinherit:bool conkey confkey conbin",
    ),
    (
        "pg_conversion",
        "oid:int conname connamespace:int conowner:int conforencoding:int contoencoding:int condefault:bool",
    ),
    ("pg_db_role_setting", "setdatabase:int setrole:int setconfig"),
    ("pg_default_acl", "oid:int defaclrole:int defaclnamespace:int defaclobjtype defaclacl"),
    ("pg_depend", "classid:int objid:int objsubid:int refclassid:int refobjid:int refobjsubid:int deptype"),
    ("pg_enum", "oid:int enumtypid:int enumsortorder:int enumlabel"),
    ("pg_event_trigger", "oid:int evtname evtevent evtowner:int evtfoid:int evtenabled"),
    ("pg_extension", "oid:int extname extowner:int extnamespace:int extrelocatable:bool extversion"),
    ("pg_foreign_data_wrapper", "oid:int fdwname fdwowner:int"),
    ("pg_foreign_server", "oid:int srvname srvowner:int srvfdw:int"),
    ("pg_foreign_table", "ftrelid:int ftserver:int ftoptions"),
    (
        "pg_index",
        "indexrelid:int indrelid:int indnatts:int indnkeyatts:int indisunique:bool indisprimary:bool \
         indisexclusion:bool indimmediate:bool indisclustered:bool indisvalid:bool indisready:bool indislive:bool \
         indisreplident:bool indkey indclass indoption indexprs indpred",
    ),
    ("pg_indexes", "schemaname tablename indexname tablespace indexdef"),
    ("pg_inherits", "inhrelid:int inhparent:int inhseqno:int inhdetachpending:bool"),
    ("pg_language", "oid:int lanname lanowner:int lanispl:bool"),
    ("pg_locks", "locktype database:int relation:int pid:int mode granted:bool"),
    ("pg_matviews", "schemaname matviewname matviewowner definition"),
    ("pg_available_extensions", "name default_version installed_version comment"),
    ("pg_opclass", "oid:int opcname opcnamespace:int"),
    ("pg_operator", "oid:int oprname oprnamespace:int"),
    ("pg_partitioned_table", "partrelid:int partstrat partnatts:int partattrs"),
    ("pg_policy", "oid:int polname polrelid:int polcmd polpermissive:bool polroles polqual polwithcheck"),
    ("pg_proc", "oid:int proname pronamespace:int proowner:int prokind prorettype:int proargtypes prosrc"),
    ("pg_publication", "oid:int pubname pubowner:int puballtables:bool"),
    ("pg_publication_namespace", "oid:int pnpubid:int pnnspid:int"),
    ("pg_publication_rel", "oid:int prpubid:int prrelid:int"),
    ("pg_range", "rngtypid:int rngsubtype:int"),
    ("pg_rewrite", "oid:int rulename ev_class:int ev_type ev_enabled is_instead:bool"),
    ("pg_rules", "schemaname tablename rulename definition"),
    ("pg_seclabel", "objoid:int classoid:int objsubid:int provider label"),
    ("pg_sequence", "seqrelid:int seqtypid:int seqstart:int seqincrement:int seqmax:int seqmin:int"),
    ("pg_sequences", "schemaname sequencename"),
    ("pg_shdescription", "objoid:int classoid:int description"),
    ("pg_stat_activity", "datid:int datname pid:int usename application_name state query"),
    ("pg_stat_user_tables", "relid:int schemaname relname n_live_tup:int"),
    ("pg_stats", "schemaname tablename attname null_frac:int avg_width:int n_distinct:int"),
    ("pg_statistic_ext", "oid:int stxrelid:int stxname stxnamespace:int stxowner:int"),
    ("pg_subscription", "oid:int subdbid:int subname subowner:int subenabled:bool"),
    ("pg_tablespace", "oid:int spcname spcowner:int"),
    (
        "pg_trigger",
        "oid:int tgrelid:int tgparentid:int tgname tgfoid:int tgenabled tgisinternal:bool tgconstraint:int",
    ),
    ("pg_ts_config", "oid:int cfgname cfgnamespace:int cfgowner:int cfgparser:int"),
    ("pg_ts_dict", "oid:int dictname dictnamespace:int dictowner:int dicttemplate:int"),
    ("pg_ts_parser", "oid:int prsname prsnamespace:int"),
    ("pg_ts_template", "oid:int tmplname tmplnamespace:int"),
    ("pg_user_mappings", "umid:int srvid:int srvname umuser:int usename umoptions"),
    ("pg_views", "schemaname viewname viewowner definition"),
];

/// Types that columns have, with PostgreSQL's letter for their category.
const TYPES: &[(Type, &str)] = &[
    (Type::BOOL, "B"),
    (Type::INT2, "N"),
    (Type::INT4, "N"),
    (Type::INT8, "N"),
    (Type::FLOAT4, "N"),
    (Type::FLOAT8, "N"),
    (Type::NUMERIC, "N"),
    (Type::TEXT, "S"),
    (Type::VARCHAR, "S"),
    (Type::NAME, "S"),
    (Type::DATE, "D"),
    (Type::TIMESTAMP, "D"),
    (Type::TIMESTAMPTZ, "D"),
    (Type::OID, "N"),
];

const CLASS: &str = "oid:int relname relnamespace:int reltype:int reloftype:int relowner:int relam:int relfilenode:int \
    reltablespace:int relpages:int reltuples:int relallvisible:int reltoastrelid:int relhasindex:bool relisshared:bool \
    relpersistence relkind relnatts:int relchecks:int relhasrules:bool relhastriggers:bool relhassubclass:bool \
    relrowsecurity:bool relforcerowsecurity:bool relispopulated:bool relreplident relispartition:bool relrewrite:int \
    relacl reloptions relpartbound";

const ATTRIBUTE: &str = "attrelid:int attname atttypid:int attlen:int attnum:int attndims:int atttypmod:int \
    attbyval:bool attalign attstorage attcompression attnotnull:bool atthasdef:bool atthasmissing:bool attidentity \
    attgenerated attisdropped:bool attislocal:bool attinhcount:int attcollation:int attstattarget:int attacl attoptions \
    attfdwoptions attmissingval";

const TYPE: &str = "oid:int typname typnamespace:int typowner:int typlen:int typbyval:bool typtype typcategory \
    typispreferred:bool typisdefined:bool typdelim typrelid:int typelem:int typarray:int typinput typoutput \
    typreceive typsend typnotnull:bool typbasetype:int typtypmod:int typndims:int typcollation:int typdefault typacl";

const DATABASES: &str = "oid:int datname datdba:int encoding:int datlocprovider datistemplate:bool datallowconn:bool \
    datconnlimit:int dattablespace:int datcollate datctype daticulocale daticurules datlocale datcollversion datacl";

const ROLES: &str = "oid:int rolname rolsuper:bool rolinherit:bool rolcreaterole:bool rolcreatedb:bool rolcanlogin:bool \
    rolreplication:bool rolconnlimit:int rolpassword rolvaliduntil rolbypassrls:bool rolconfig";

macro_rules! row {
    ($($value:expr),* $(,)?) => { vec![$(Value::from($value)),*] };
}

/// All of them.
///
/// # Errors
/// The engine does not take one.
pub(super) fn all(
    tables: &[(&'static str, SchemaRef)],
    user: &str,
) -> Result<Vec<(&'static str, Arc<MemTable>)>> {
    let roles = [row![OWNER, user, false, true, false, false, true, false, -1]];
    let users = [row![user, OWNER, false, false]];
    let listed = tables.iter().map(|(name, _)| row!["public", *name, CATALOG]).collect::<Vec<_>>();
    let settings = SETTINGS
        .iter()
        .map(|(name, value)| row![*name, *value, "", "", "", "default", "user", "string", *value, *value])
        .collect::<Vec<_>>();
    let mut all = vec![
        ("pg_am", table("oid:int amname amhandler amtype", &[row![2, "heap", "heap_tableam_handler", "t"]])?),
        ("pg_attribute", table(ATTRIBUTE, &attributes(tables))?),
        ("pg_authid", table(ROLES, &roles)?),
        ("pg_class", table(CLASS, &classes(tables))?),
        (
            "pg_database",
            table(DATABASES, &[row![DATABASE, CATALOG, OWNER, 6, "c", false, true, -1, 1663, "C", "C"]])?,
        ),
        ("pg_description", table("objoid:int classoid:int objsubid:int description", &descriptions(tables))?),
        ("pg_namespace", table("oid:int nspname nspowner:int nspacl", &namespaces())?),
        ("pg_roles", table(ROLES, &roles)?),
        (
            "pg_settings",
            table(
                "name setting unit category short_desc source context vartype boot_val reset_val",
                &settings,
            )?,
        ),
        ("pg_tables", table("schemaname tablename tableowner tablespace", &listed)?),
        ("pg_type", table(TYPE, &types())?),
        ("pg_user", table("usename usesysid:int usecreatedb:bool usesuper:bool", &users)?),
    ];
    for (name, columns) in EMPTY {
        all.push((name, table(columns, &[])?));
    }
    Ok(all)
}

fn namespaces() -> Vec<Vec<Value>> {
    vec![
        row![PG_CATALOG, "pg_catalog", OWNER],
        row![PUBLIC, "public", OWNER],
        row![INFORMATION_SCHEMA, "information_schema", OWNER],
    ]
}

fn classes(tables: &[(&str, SchemaRef)]) -> Vec<Vec<Value>> {
    let class = |(number, (name, schema)): (i64, &(&str, SchemaRef))| {
        let columns = i64::try_from(schema.fields().len()).unwrap_or_default();
        row![
            number, *name, PUBLIC, 0, 0, OWNER, 2, number, 0, 0, -1, 0, 0, false, false, "p", "r", columns,
            0, false, false, false, false, false, true, "n", false, 0
        ]
    };
    (FIRST_TABLE..).zip(tables).map(class).collect()
}

fn attributes(tables: &[(&str, SchemaRef)]) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (table, (_, schema)) in (FIRST_TABLE..).zip(tables) {
        for (number, field) in (1i64..).zip(schema.fields()) {
            let pg_type = pg_type(field.data_type());
            let length = i64::from(width(&pg_type));
            rows.push(row![
                table,
                field.name().as_str(),
                i64::from(pg_type.oid()),
                length,
                number,
                0,
                -1,
                length > 0,
                if length == 8 { "d" } else { "i" },
                if length > 0 { "p" } else { "x" },
                "",
                !field.is_nullable(),
                false,
                false,
                "",
                "",
                false,
                true,
                0,
                0,
                -1
            ]);
        }
    }
    rows
}

/// What a column of `flows` means, as the schema says it.
fn descriptions(tables: &[(&str, SchemaRef)]) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (table, (name, schema)) in (FIRST_TABLE..).zip(tables).filter(|(_, (name, _))| *name == "flows") {
        rows.push(row![table, 1259, 0, format!("Flow records ({name})")]);
        for (number, field) in (1i64..).zip(schema.fields()) {
            if let Some(column) = Column::by_name(field.name()) {
                rows.push(row![table, 1259, number, column.definition().doc]);
            }
        }
    }
    rows
}

fn types() -> Vec<Vec<Value>> {
    let one = |(pg_type, category): &(Type, &str)| {
        let length = i64::from(width(pg_type));
        row![
            i64::from(pg_type.oid()),
            pg_type.name(),
            PG_CATALOG,
            OWNER,
            length,
            length > 0,
            "b",
            *category,
            false,
            true,
            ",",
            0,
            0,
            0,
            format!("{}in", pg_type.name()),
            format!("{}out", pg_type.name()),
            format!("{}recv", pg_type.name()),
            format!("{}send", pg_type.name()),
            false,
            0,
            -1,
            0,
            0
        ]
    };
    TYPES.iter().map(one).collect()
}
