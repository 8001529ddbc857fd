//! A virtual machine: QEMU as a child process, and our ends of its connections.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use thiserror::Error;

use crate::front::Front;
use crate::host_bridge;
use crate::initramfs;
use crate::packages::{Files, QEMU};

/// Time QEMU has to connect to the sockets.
const START: Duration = Duration::from_secs(20);
/// Time QEMU has to acknowledge an interrupt.
const ACKNOWLEDGE: Duration = Duration::from_secs(2);
/// Where files of a guest are if the machine has it: memory that is a file is best in memory.
const SHARED_MEMORY: &str = "/dev/shm";

/// Why there is no virtual machine, or not any longer.
#[derive(Debug, Error)]
pub enum QemuError {
    /// A file or socket failed.
    #[error("{0}: {1}")]
    File(&'static str, #[source] std::io::Error),
    /// QEMU cannot be started.
    #[error("{QEMU} cannot be started: {0}", QEMU = QEMU.0)]
    Start(#[source] std::io::Error),
    /// QEMU has ended by itself.
    #[error("QEMU has ended with {0}; it said: {1}")]
    Ended(ExitStatus, String),
    /// QEMU has not connected.
    #[error("QEMU has not connected to {0} within {1:?}")]
    Silent(&'static str, Duration),
}

/// What a virtual machine is like.
#[derive(Clone, Debug)]
pub struct QemuConfig {
    /// Kernel and shell.
    pub files: Files,
    /// What the kernel takes the proxied function for.
    pub front: Front,
    /// Bytes of memory.
    pub memory: u64,
    /// Added to the kernel's command line.
    pub append: String,
}

/// The virtual machine; killed when dropped.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    qtest: UnixStream,
    answers: Vec<u8>,
    dir: TempDir,
}

/// Our ends of the connections.
#[derive(Debug)]
pub struct Ends {
    /// Of the proxied function.
    pub proxy: UnixStream,
    /// Of the first serial port: the console.
    pub console: UnixStream,
    /// Of the second serial port: the shell.
    pub shell: UnixStream,
    /// The guest's memory.
    pub memory: File,
}

impl Qemu {
    /// Starts a virtual machine; its kernel begins at once.
    ///
    /// # Errors
    /// [`QemuError`] if it does not start; what it said is in the error.
    pub fn start(config: &QemuConfig) -> Result<(Self, Ends), QemuError> {
        let file = |what| move |error| QemuError::File(what, error);
        let parent = Some(PathBuf::from(SHARED_MEMORY)).filter(|dir| dir.is_dir()).unwrap_or_else(std::env::temp_dir);
        let dir = TempDir::with_prefix_in("peb-guest-", parent).map_err(file("working directory"))?;
        let at = |name: &str| dir.path().join(name);
        let busybox = std::fs::read(&config.files.busybox).map_err(file("busybox"))?;
        let modules =
            config.files.modules.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>().map_err(file("module"))?;
        std::fs::write(at("initrd"), initramfs::archive(&busybox, &modules)).map_err(file("initrd"))?;
        std::fs::write(at("bridge.aml"), host_bridge::table()).map_err(file("bridge.aml"))?;
        let options = File::options().read(true).write(true).create_new(true).open(at("ram"));
        let memory = options.map_err(file("guest memory"))?;
        memory.set_len(config.memory).map_err(file("guest memory"))?;
        let log = File::create(at("qemu.log")).map_err(file("qemu.log"))?;
        let sockets = ["console", "shell", "qtest"].map(|name| (name, UnixListener::bind(at(name))));
        let (proxy, theirs) = UnixStream::pair().map_err(file("socket pair"))?;

        let mut command = command();
        command.args(arguments(config, dir.path())).stdin(Stdio::from(OwnedFd::from(theirs)));
        command.stdout(log.try_clone().map_err(file("qemu.log"))?).stderr(log);
        let mut child = command.spawn().map_err(QemuError::Start)?;
        let mut streams = Vec::new();
        for (name, listener) in sockets {
            let accepted =
                listener.map_err(file(name)).and_then(|listener| accept(name, &listener, &mut child, dir.path()));
            match accepted {
                Ok(stream) => streams.push(stream),
                Err(error) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(error);
                }
            }
        }
        let Ok([console, shell, qtest]) = <[UnixStream; 3]>::try_from(streams) else { unreachable!("three sockets") };
        qtest.set_read_timeout(Some(ACKNOWLEDGE)).map_err(file("qtest"))?;
        Ok((Qemu { child, qtest, answers: Vec::new(), dir }, Ends { proxy, console, shell, memory }))
    }

    /// Writes a message signalled interrupt, and waits until QEMU has taken it: nothing that comes later overtakes it.
    ///
    /// # Errors
    /// [`QemuError`] if QEMU has ended.
    pub fn interrupt(&mut self, address: u64, data: u32) -> Result<(), QemuError> {
        let sent = writeln!(self.qtest, "writel {address:#x} {data:#x}").and_then(|()| self.acknowledged());
        match sent {
            Ok(()) => Ok(()),
            Err(error) => match self.ended() {
                Some(ended) => Err(ended),
                None => Err(QemuError::File("qtest", error)),
            },
        }
    }

    fn acknowledged(&mut self) -> std::io::Result<()> {
        while !self.answers.contains(&b'\n') {
            let mut bytes = [0; 256];
            match self.qtest.read(&mut bytes)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                len => self.answers.extend_from_slice(&bytes[..len]),
            }
        }
        self.answers.clear();
        Ok(())
    }

    /// Why it has ended, if it has.
    pub fn ended(&mut self) -> Option<QemuError> {
        let status = self.child.try_wait().ok()??;
        Some(QemuError::Ended(status, said(self.dir.path())))
    }

    /// Waits for its end; the status is none if it does not end in time.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let begin = Instant::now();
        while begin.elapsed() < limit {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// What it said by itself.
    pub fn log(&self) -> String {
        said(self.dir.path())
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(dir: &Path) -> String {
    let text = std::fs::read_to_string(dir.join("qemu.log")).unwrap_or_default();
    let text = text.trim();
    if text.is_empty() { "nothing" } else { text }.to_string()
}

/// A page of the guest's memory that its kernel does not use: devices may write there what no driver asked for.
pub const SPARE_MEMORY: u64 = 0x800_0000;

/// QEMU, by way of a program that lets it die with us, if there is one.
fn command() -> Command {
    let dies = Command::new("setpriv").args(["--pdeathsig", "KILL", "true"]).stderr(Stdio::null()).status();
    if !dies.is_ok_and(|status| status.success()) {
        return Command::new(QEMU.0);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", QEMU.0]);
    command
}

fn arguments(config: &QemuConfig, dir: &Path) -> Vec<String> {
    let file = |name: &str| dir.join(name).display().to_string();
    let socket = |name: &str| format!("socket,id={name},path={}", file(name));
    let (device, function) = config.front.place();
    // Memory that the kernel leaves alone.
    let append = format!("console=ttyS0 panic=-1 memmap=4K${SPARE_MEMORY:#x} {}", config.append);
    let memory = config.memory;
    let pairs = [
        ("-machine", "q35,memory-backend=ram".to_string()),
        ("-accel", "tcg".into()),
        ("-cpu", "qemu64".into()),
        // The guest's time is that of its instructions, and stands still while it waits for the simulation.
        ("-icount", "shift=1,sleep=on".into()),
        // With more processors the proxy may lock up: it holds QEMU's lock while it waits for its own.
        ("-smp", "1".into()),
        ("-m", format!("{memory}B")),
        ("-object", format!("memory-backend-file,id=ram,size={memory}B,mem-path={},share=on", file("ram"))),
        ("-display", "none".into()),
        ("-chardev", socket("console")),
        ("-chardev", socket("shell")),
        ("-serial", "chardev:console".into()),
        ("-serial", "chardev:shell".into()),
        ("-qtest", format!("unix:{}", file("qtest"))),
        ("-qtest-log", "/dev/null".into()),
        ("-kernel", config.files.kernel.display().to_string()),
        ("-initrd", file("initrd")),
        ("-append", append),
        // Standard input is the connection of the proxied function.
        ("-device", format!("x-pci-proxy-dev,fd=0,addr={device:#x}.{function},multifunction=on")),
    ];
    let of_front = match config.front {
        Front::HostBridge => ("-acpitable", format!("file={}", file("bridge.aml"))),
        // The driver treats hot-plug below as the machine's own bridge does: that leaves it to the kernel then.
        Front::Vmd => ("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off".into()),
    };
    let mut all = vec!["-nodefaults".to_string(), "-no-reboot".into()];
    all.extend(pairs.into_iter().chain([of_front]).flat_map(|(option, value)| [option.to_string(), value]));
    all
}

fn accept(name: &'static str, from: &UnixListener, child: &mut Child, dir: &Path) -> Result<UnixStream, QemuError> {
    let file = |error| QemuError::File(name, error);
    from.set_nonblocking(true).map_err(file)?;
    let begin = Instant::now();
    loop {
        match from.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).map_err(file)?;
                return Ok(stream);
            }
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(file(error)),
            Err(_) => {}
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(QemuError::Ended(status, said(dir)));
        }
        if begin.elapsed() > START {
            return Err(QemuError::Silent(name, START));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
