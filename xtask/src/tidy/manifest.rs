//! The lines of a `Cargo.toml` that name dependencies.

/// A dependency as a manifest names it.
#[derive(Debug, PartialEq)]
pub(super) struct Dependency<'a> {
    pub(super) name: &'a str,
    /// Only for tests, benches or the build script.
    pub(super) development: bool,
    /// Takes its version from the workspace.
    pub(super) from_workspace: bool,
    /// Counted from 1.
    pub(super) line: usize,
    /// The whole line, its comment included.
    pub(super) text: &'a str,
}

/// All dependencies that `manifest` names, the workspace's own table among them.
pub(super) fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut section = "";
    for (index, text) in manifest.lines().enumerate() {
        let trimmed = text.trim();
        let development = section.contains("dev-dependencies") || section.contains("build-dependencies");
        if let Some(header) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = header;
            // [dependencies.NAME]
            if let Some((table, name)) = header.rsplit_once("dependencies.") {
                let development = table.ends_with("dev-") || table.ends_with("build-");
                found.push(Dependency { name, development, from_workspace: false, line: index + 1, text });
            }
        } else if let Some((key, value)) = trimmed.split_once('=')
            && trimmed.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            if section.ends_with("dependencies") {
                let (name, rest) = key.trim().split_once('.').unwrap_or((key.trim(), ""));
                let value: String = value.split_whitespace().collect();
                let from_workspace = rest == "workspace" || value.contains("workspace=true");
                found.push(Dependency { name, development, from_workspace, line: index + 1, text });
            } else if section.contains("dependencies.")
                && key.trim() == "workspace"
                && let Some(last) = found.last_mut()
            {
                last.from_workspace = true;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_in_every_spelling() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = { workspace = true, features = [\n  \"f=g\",\n] }\n\
            c = \"1\"\n[dev-dependencies]\nd.workspace = true\n[dependencies.e]\nworkspace = true\n\
            [target.'cfg(unix)'.dependencies]\nf = \"1\"\n[features]\ng = []\n";
        let found: Vec<_> = dependencies(manifest)
            .iter()
            .map(|one| (one.name, one.development, one.from_workspace, one.line))
            .collect();
        assert_eq!(
            found,
            [
                ("a", false, true, 4),
                ("b", false, true, 5),
                ("c", false, false, 8),
                ("d", true, true, 10),
                ("e", false, true, 11),
                ("f", false, false, 14)
            ]
        );
    }
}
