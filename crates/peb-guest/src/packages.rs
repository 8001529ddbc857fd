//! Stock programs: QEMU, a kernel and a static shell of the distribution, fetched as packages and unpacked into a cache.
//!
//! Only QEMU is installed; of the other packages single files are used.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use thiserror::Error;

use crate::front::Front;
use crate::modules;

/// QEMU, and the package with it.
pub const QEMU: (&str, &str) = ("qemu-system-x86_64", "qemu-system-x86");
/// The kernel for virtual machines: NVMe and PCIe hot-plug are built in. It has no driver for VMD.
const CLOUD: Kernel = Kernel { package: "linux-image-cloud-amd64", note: "kernel", modules: &[] };
/// The kernel for all machines.
const GENERIC: Kernel = Kernel { package: "linux-image-amd64", note: "kernel-generic", modules: &["nvme", "vmd"] };
/// Package of the shell.
const SHELL: &str = "busybox-static";

/// Why something stock is not there.
#[derive(Debug, Error)]
pub enum PackageError {
    /// A program cannot be started.
    #[error("{0} cannot be started: {1}; packages are fetched with apt-get and dpkg-deb, as Debian has them")]
    Start(String, #[source] std::io::Error),
    /// A program failed.
    #[error("{0} failed: {1}")]
    Failed(String, String),
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    /// A package has no such file.
    #[error("package {0} has no {1}")]
    Missing(String, String),
    /// Not a kernel that can be started.
    #[error("{0}: {1}")]
    Kernel(PathBuf, String),
    /// QEMU has no multi-process devices.
    #[error("{QEMU} has no x-pci-proxy-dev; QEMU 5.2 or later with multi-process devices is needed", QEMU = QEMU.0)]
    NoProxy,
}

/// A kernel of the distribution.
struct Kernel {
    /// Package that depends on the newest one.
    package: &'static str,
    /// File of the cache with the version that is there.
    note: &'static str,
    /// Modules that a guest loads, with what they need.
    modules: &'static [&'static str],
}

/// Files to start a guest with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The kernel, an ELF file or a bzImage.
    pub kernel: PathBuf,
    /// Version of the kernel, as its package or file is called.
    pub version: String,
    /// Modules that the guest loads, in this order.
    pub modules: Vec<PathBuf>,
    /// A statically linked busybox.
    pub busybox: PathBuf,
}

/// Where packages are kept: `PEB_GUEST` or `~/.cache/peb/guest`.
pub fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| ".".into())).join(".cache/peb/guest");
    std::env::var_os("PEB_GUEST").map_or_else(home, PathBuf::from)
}

/// Sees to it that everything is there; `say` is told what takes time. A `kernel` of the user's has built in what it needs.
///
/// # Errors
/// [`PackageError`] with the program that failed and what it said.
pub fn provide(kernel: Option<&Path>, front: Front, mut say: impl FnMut(&str)) -> Result<Files, PackageError> {
    let cache = cache();
    fs::create_dir_all(&cache).map_err(|error| PackageError::File(cache.clone(), error))?;
    provide_qemu(&mut say)?;
    let busybox = cache.join("busybox");
    if !busybox.exists() {
        say("fetching busybox-static");
        take(SHELL, fetch(SHELL, &cache)?.path(), &["bin/busybox", "usr/bin/busybox"], &busybox)?;
    }
    let (image, version, modules) = match (kernel, front) {
        (Some(file), _) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            (file.to_path_buf(), name.trim_start_matches("vmlinuz-").to_string(), Vec::new())
        }
        (None, Front::HostBridge) => provide_kernel(&CLOUD, &cache, &mut say)?,
        (None, Front::Vmd) => provide_kernel(&GENERIC, &cache, &mut say)?,
    };
    Ok(Files { kernel: extracted(&image, &version, &cache)?, version, modules, busybox })
}

fn provide_qemu(say: &mut impl FnMut(&str)) -> Result<(), PackageError> {
    let (program, package) = QEMU;
    if Command::new(program).arg("--version").output().is_err() {
        say(&format!("installing {package}"));
        as_root(&["apt-get", "update", "-qq"])?;
        as_root(&["apt-get", "install", "-y", "-qq", "--no-install-recommends", package])?;
    }
    let help = run(Command::new(program).args(["-device", "x-pci-proxy-dev,help"]));
    help.map(drop).map_err(|_| PackageError::NoProxy)
}

/// Image, version and modules of a kernel.
fn provide_kernel(
    kernel: &Kernel,
    cache: &Path,
    say: &mut impl FnMut(&str),
) -> Result<(PathBuf, String, Vec<PathBuf>), PackageError> {
    // The note is written last.
    let note = cache.join(kernel.note);
    if let Ok(version) = fs::read_to_string(&note) {
        let file = cache.join(format!("vmlinuz-{version}"));
        let modules = kept_modules(&cache.join(format!("modules-{version}")));
        if file.exists() && modules.is_empty() == kernel.modules.is_empty() {
            return Ok((file, version, modules));
        }
    }
    let depends = || run(Command::new("apt-cache").args(["depends", "--important", kernel.package]));
    let package = |output: Output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        names.find(|name| name.starts_with("linux-image-")).map(String::from)
    };
    let mut found = depends().ok().and_then(package);
    if found.is_none() {
        as_root(&["apt-get", "update", "-qq"])?;
        found = package(depends()?);
    }
    let package = found.ok_or_else(|| PackageError::Missing(kernel.package.into(), "kernel it depends on".into()))?;
    let version = package.trim_start_matches("linux-image-").to_string();
    say(&format!("fetching {package}"));
    let content = fetch(&package, cache)?;
    let file = cache.join(format!("vmlinuz-{version}"));
    take(&package, content.path(), &[&format!("boot/vmlinuz-{version}")], &file)?;
    let modules = if kernel.modules.is_empty() {
        Vec::new()
    } else {
        take_modules(&package, content.path(), kernel.modules, &cache.join(format!("modules-{version}")))?
    };
    fs::write(&note, &version).map_err(|error| PackageError::File(note, error))?;
    Ok((file, version, modules))
}

/// Modules in the order in which they are loaded: that of the names of their files.
fn kept_modules(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files
}

/// Keeps these modules and what they need.
fn take_modules(package: &str, content: &Path, wanted: &[&str], to: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let failed = |file: &Path| {
        let file = file.to_path_buf();
        |error| PackageError::File(file, error)
    };
    let tree = [content.join("lib/modules"), content.join("usr/lib/modules")];
    let tree = tree.iter().find(|tree| tree.is_dir());
    let tree = tree.ok_or_else(|| PackageError::Missing(package.into(), "lib/modules".into()))?;
    let files = modules::files(tree).map_err(failed(tree))?;
    let all = modules::ordered(wanted, |name| {
        let missing = || PackageError::Missing(package.into(), format!("uncompressed module {name}"));
        let file = files.get(name).ok_or_else(missing)?;
        fs::read(file).map_err(failed(file))
    })?;
    fs::create_dir_all(to).map_err(failed(to))?;
    for (n, (name, module)) in all.iter().enumerate() {
        replace(&to.join(format!("{n:02}-{name}.ko")), module)?;
    }
    Ok(kept_modules(to))
}

/// Fetches a package and unpacks it into a directory that is removed with the value.
fn fetch(package: &str, cache: &Path) -> Result<TempDir, PackageError> {
    let failed = |error| PackageError::File(cache.to_path_buf(), error);
    let (archives, content) =
        (tempfile::tempdir_in(cache).map_err(failed)?, tempfile::tempdir_in(cache).map_err(failed)?);
    let download = || run(Command::new("apt-get").args(["download", "-qq", package]).current_dir(archives.path()));
    if download().is_err() {
        as_root(&["apt-get", "update", "-qq"])?;
        download()?;
    }
    let entries = fs::read_dir(archives.path()).map_err(failed)?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let archive = paths.find(|path| path.extension().is_some_and(|ending| ending == "deb"));
    let archive = archive.ok_or_else(|| PackageError::Missing(package.into(), "archive".into()))?;
    run(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(content.path()))?;
    Ok(content)
}

/// Keeps the first of these files that an unpacked package has.
fn take(package: &str, content: &Path, files: &[&str], to: &Path) -> Result<(), PackageError> {
    let file = files.iter().map(|file| content.join(file)).find(|file| file.exists());
    let file = file.ok_or_else(|| PackageError::Missing(package.into(), files[0].into()))?;
    replace(to, &fs::read(&file).map_err(|error| PackageError::File(file, error))?)
}

/// Writes a file of the cache whole or not at all.
fn replace(to: &Path, data: &[u8]) -> Result<(), PackageError> {
    let failed = |error| PackageError::File(to.to_path_buf(), error);
    let dir = to.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    file.write_all(data).map_err(failed)?;
    file.persist(to).map(drop).map_err(|error| failed(error.error))
}

/// The ELF file inside a bzImage, kept in the cache: it starts some seconds sooner. Whatever else it is, is used as it is.
fn extracted(image: &Path, version: &str, cache: &Path) -> Result<PathBuf, PackageError> {
    let to = cache.join(format!("vmlinux-{version}"));
    let failed = |error| PackageError::File(image.to_path_buf(), error);
    let bytes = fs::read(image).map_err(failed)?;
    if bytes.starts_with(b"\x7fELF") {
        return Ok(image.to_path_buf());
    }
    let fresh =
        |path: &Path| Some(fs::metadata(path).ok()?.modified().ok()? >= fs::metadata(image).ok()?.modified().ok()?);
    if fresh(&to) == Some(true) {
        return Ok(to);
    }
    let payload = payload(&bytes).map_err(|what| PackageError::Kernel(image.to_path_buf(), what))?;
    if !payload.starts_with(b"\xfd7zXZ") {
        return Ok(image.to_path_buf());
    }
    let mut xz = Command::new("xz");
    xz.args(["-dc", "--single-stream"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = xz.spawn().map_err(|error| PackageError::Start("xz".into(), error))?;
    let mut stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.take().map(|mut stdin| stdin.write_all(payload)));
        child.wait_with_output()
    });
    let output = output.map_err(|error| PackageError::Start("xz".into(), error))?;
    if !output.stdout.starts_with(b"\x7fELF") {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(PackageError::Kernel(image.to_path_buf(), format!("its payload is no ELF file {said}")));
    }
    replace(&to, &output.stdout)?;
    Ok(to)
}

/// The compressed kernel in a bzImage (`Documentation/arch/x86/boot.rst`: `setup_sects`, `payload_offset`, `payload_length`).
fn payload(image: &[u8]) -> Result<&[u8], String> {
    let word = |at: usize| image.get(at..at + 4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]) as usize);
    if image.get(0x202..0x206) != Some(b"HdrS") {
        return Err("neither an ELF file nor a bzImage".into());
    }
    let setup = match image[0x1f1] {
        0 => 4,
        n => usize::from(n),
    };
    let (Some(offset), Some(length)) = (word(0x248), word(0x24c)) else { return Err("cut off".into()) };
    let begin = (setup + 1) * 512 + offset;
    image.get(begin..begin + length).ok_or_else(|| "its payload is cut off".into())
}

fn as_root(command: &[&str]) -> Result<(), PackageError> {
    let root = run(Command::new("id").arg("-u")).is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let mut whole = if root { Vec::new() } else { vec!["sudo", "-n"] };
    whole.extend(["env", "DEBIAN_FRONTEND=noninteractive"]);
    whole.extend(command);
    run(Command::new(whole[0]).args(&whole[1..]).stdin(Stdio::null())).map(drop)
}

fn run(command: &mut Command) -> Result<Output, PackageError> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let name = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let output = command.stdin(Stdio::null()).output().map_err(|error| PackageError::Start(name.clone(), error))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(PackageError::Failed(name, said.lines().last().unwrap_or("it says nothing").to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_is_where_the_header_says() {
        let mut image = vec![0; 3000];
        image[0x1f1] = 2;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x248..0x24c].copy_from_slice(&100u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&7u32.to_le_bytes());
        image[1636..1643].copy_from_slice(b"payload");
        assert_eq!(payload(&image).unwrap(), b"payload");
        assert_eq!(payload(&image[..1640]).unwrap_err(), "its payload is cut off");
        assert!(payload(&image[..0x210]).is_err() && payload(b"no").is_err());
    }

    #[test]
    fn what_fails_is_named() {
        let error = run(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "sh -c echo why >&2; exit 3 failed: why");
        let error = run(&mut Command::new("/no/such/program")).unwrap_err();
        assert!(error.to_string().contains("cannot be started"), "{error}");
    }
}
