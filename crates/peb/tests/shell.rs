//! `peb linux --shell` with `peb ctl` beside it, by pipes instead of a terminal.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::thread;
use std::time::Duration;

/// Time in which something must be seen; the first run compiles the cores and fetches packages.
const PATIENCE: Duration = Duration::from_secs(600);
const PEB: &str = env!("CARGO_BIN_EXE_peb");

/// The run, and what it has written that nobody has looked at.
struct Run {
    child: Child,
    bytes: Receiver<Vec<u8>>,
    text: String,
    log: String,
}

impl Run {
    fn start(log: &std::path::Path) -> Self {
        let log = log.display().to_string();
        let mut command = Command::new(PEB);
        command.args(["linux", "--shell", "--log", &log, "--loss", "1%"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("peb starts");
        let mut out = child.stdout.take().expect("piped");
        let (sender, bytes) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = out.read(&mut buffer) {
                if sender.send(buffer[..len].to_vec()).is_err() {
                    break;
                }
            }
        });
        Run { child, bytes, text: String::new(), log }
    }

    /// Waits for this, and forgets what came before it; gives that.
    fn shows(&mut self, what: &str) -> String {
        loop {
            if let Some(at) = self.text.find(what) {
                let rest = self.text.split_off(at + what.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let bytes = self.bytes.recv_timeout(PATIENCE);
            let bytes = bytes.unwrap_or_else(|error| panic!("{what:?}: {error}; there was {}", self.text));
            self.text += &String::from_utf8_lossy(&bytes);
        }
    }

    fn types(&mut self, line: &str) {
        self.child.stdin.as_mut().expect("piped").write_all(format!("{line}\n").as_bytes()).expect("it listens");
    }

    fn ctl(&self, args: &[&str]) -> Result<String, String> {
        let output = Command::new(PEB).args(["ctl", "--log", &self.log]).args(args).output().expect("peb starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of the guest's shell that waits for something; what it prints then is not what is echoed.
fn wait_for(command: &str) -> String {
    format!("until {command}; do sleep 0.1; done >/dev/null 2>&1; echo se''en")
}

#[test]
#[ignore = "nightly"]
fn a_user_at_the_shell_gets_a_disk_by_ctl() {
    let directory = tempfile::tempdir().unwrap();
    let mut run = Run::start(directory.path());
    run.shows("# ");
    assert!(run.ctl(&["remove"]).unwrap_err().contains("device 0 is not there"));
    assert!(run.ctl(&["stop"]).unwrap_err().contains("guests power off"));
    assert!(run.ctl(&["status"]).unwrap().contains("disk 0: pulled"));
    run.ctl(&["add"]).unwrap();
    run.types(&wait_for("disk DISK0"));
    run.shows("seen\r\n");
    run.types("dd if=$(disk DISK0) bs=4k count=4 iflag=direct 2>/dev/null | wc -c");
    run.shows("\r\n16384\r\n");
    let status = run.ctl(&["status"]).unwrap();
    assert!(status.contains("slots up: 1") && status.contains("attached; disk 0: in use"), "{status}");
    for (there, back) in [(&["remove"][..], &["add"][..]), (&["cut"], &["mend"]), (&["move", "20"], &["move", "10"])] {
        run.ctl(there).unwrap();
        run.types(&wait_for("! disk DISK0"));
        run.shows("seen\r\n");
        run.ctl(back).unwrap();
        run.types(&wait_for("disk DISK0"));
        run.shows("seen\r\n");
    }
    run.ctl(&["loss", "0"]).unwrap();
    assert!(run.ctl(&["--peb", "host0", "get", "RETRANSMITTED"]).unwrap().contains("RETRANSMITTED"));
    run.types("exit");
    run.shows("passed in");
    assert!(run.child.wait().unwrap().success());
    let console = std::fs::read_to_string(directory.path().join("guest.log")).unwrap();
    assert!(console.contains("pciehp: Slot(1): Link Up"), "{console}");
}
