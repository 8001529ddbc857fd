//! Kernel modules: which others one needs, and in what order they are loaded.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Before the names of the modules that one needs, among the strings of its section `.modinfo`.
const DEPENDS: &[u8] = b"\0depends=";
/// Ending of a module's file.
const ENDING: &str = "ko";

/// Files of all modules below a directory by name; hyphens in names are underscores.
pub fn files(directory: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let (mut found, mut directories) = (BTreeMap::new(), vec![directory.to_path_buf()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| ending == ENDING) {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
                found.insert(name, path);
            }
        }
    }
    Ok(found)
}

/// The wanted modules and those that they need, each after all that it needs; `load` gives a module's file by its name.
///
/// # Errors
/// As `load`.
pub fn ordered<E>(
    wanted: &[&str],
    mut load: impl FnMut(&str) -> Result<Vec<u8>, E>,
) -> Result<Vec<(String, Vec<u8>)>, E> {
    let (mut all, mut known) = (Vec::<(String, Vec<u8>)>::new(), Vec::<String>::new());
    // From the end: a module stays below what it needs until that is there.
    let mut waiting: Vec<(String, Option<Vec<u8>>)> =
        wanted.iter().rev().map(|name| (name.to_string(), None)).collect();
    while let Some((name, file)) = waiting.pop() {
        match file {
            Some(file) => all.push((name, file)),
            None if known.contains(&name) => {}
            None => {
                let file = load(&name)?;
                let needed = depends(&file);
                known.push(name.clone());
                waiting.push((name, Some(file)));
                waiting.extend(needed.into_iter().map(|name| (name, None)));
            }
        }
    }
    Ok(all)
}

/// Names of the modules that a module needs.
fn depends(module: &[u8]) -> Vec<String> {
    let Some(at) = module.windows(DEPENDS.len()).position(|bytes| bytes == DEPENDS) else { return Vec::new() };
    let names = module[at + DEPENDS.len()..].split(|&byte| byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(names).replace('-', "_");
    names.split(',').filter(|name| !name.is_empty()).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(needs: &str) -> Vec<u8> {
        format!("ELF\0license=GPL\0depends={needs}\0name=x\0").into_bytes()
    }

    fn load(name: &str) -> Result<Vec<u8>, String> {
        match name {
            "disk" => Ok(module("disk_core")),
            "disk_core" => Ok(module("sum-a,sum_b")),
            "sum_a" => Ok(module("sum_b")),
            "sum_b" | "bus" => Ok(module("")),
            _ => Err(format!("no {name}")),
        }
    }

    #[test]
    fn each_comes_once_and_after_what_it_needs() {
        let all = ordered(&["disk", "bus", "sum_a"], load).unwrap();
        let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["sum_b", "sum_a", "disk_core", "disk", "bus"]);
        assert_eq!(all[0].1, module(""));
        assert_eq!(ordered(&["tape"], load), Err("no tape".to_string()));
        assert_eq!(depends(b"no such string"), Vec::<String>::new());
    }

    #[test]
    fn files_are_found_in_all_directories() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("a/b")).unwrap();
        for file in ["a/x-y.ko", "a/b/z.ko", "a/readme"] {
            fs::write(directory.path().join(file), "").unwrap();
        }
        let found = files(directory.path()).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["x_y", "z"]);
        assert!(found["z"].ends_with("a/b/z.ko"));
    }
}
