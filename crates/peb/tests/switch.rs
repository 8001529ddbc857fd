//! `peb host` and `peb device` as processes, with Open vSwitch between them: the device moves from host to host, by the VLAN of
//! an access port of the switch, and by the tag of its own PEB.
//!
//! The test runs itself again inside a network namespace of its own; it fails, and does not skip, where that or Open
//! vSwitch is missing (tools/setup.sh installs it).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::thread;
use std::time::Duration;

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "PEB_SWITCH_INSIDE";
/// Time in which a process must say what it is waited for to say; the first one compiles the cores.
const PATIENCE: Duration = Duration::from_secs(400);
const PEB: &str = env!("CARGO_BIN_EXE_peb");

fn tool(name: &str, args: &[&str]) -> String {
    let output = Command::new(name).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}; run tools/setup.sh"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {}: {text}", args.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Open vSwitch with its userspace datapath and files of its own. Ends with the value.
struct Switch {
    directory: PathBuf,
}

impl Switch {
    fn start(directory: &Path) -> Self {
        let switch = Switch { directory: directory.to_path_buf() };
        let at = |file: &str| directory.join(file).display().to_string();
        tool("ovsdb-tool", &["create", &at("db"), "/usr/share/openvswitch/vswitch.ovsschema"]);
        let (control, pid) = (format!("--unixctl={}", at("db.ctl")), format!("--pidfile={}", at("db.pid")));
        let remote = format!("--remote=punix:{}", at("sock"));
        tool("ovsdb-server", &["--detach", "--no-chdir", &control, &pid, &remote, &at("db")]);
        let (control, pid) = (format!("--unixctl={}", at("v.ctl")), format!("--pidfile={}", at("v.pid")));
        tool("ovs-vswitchd", &[&format!("unix:{}", at("sock")), "--detach", "--no-chdir", &control, &pid]);
        switch.set(&["add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"]);
        switch
    }

    /// `ovs-vsctl`, which waits until the switch has done it.
    fn set(&self, args: &[&str]) {
        let database = format!("--db=unix:{}", self.directory.join("sock").display());
        tool("ovs-vsctl", &[&[database.as_str(), "--timeout=20"], args].concat());
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        for file in ["v.pid", "db.pid"] {
            let pid = std::fs::read_to_string(self.directory.join(file)).unwrap_or_default();
            if !pid.trim().is_empty() {
                let _ = Command::new("kill").arg(pid.trim()).status();
            }
        }
    }
}

/// A `peb` process and what it says.
struct Peb {
    name: &'static str,
    directory: String,
    child: Child,
    lines: Receiver<String>,
}

impl Peb {
    fn start(name: &'static str, directory: &Path, args: &[&str]) -> Self {
        let directory = directory.join(name).display().to_string();
        let mut command = Command::new(PEB);
        command.args(args).args(["--log", &directory]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("peb starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        thread::spawn(move || out.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        Peb { name, directory, child, lines }
    }

    /// Waits for a line that contains this.
    fn says(&self, what: &str) -> String {
        loop {
            let line =
                self.lines.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{}: {what:?}: {error}", self.name));
            println!("{:8} {line}", self.name);
            if line.contains(what) {
                return line;
            }
        }
    }

    fn ctl(&self, args: &[&str]) -> String {
        tool(PEB, &[&["ctl", "--log", &self.directory], args].concat())
    }

    /// Ends it in order.
    fn stop(mut self) {
        self.ctl(&["stop"]);
        self.says("stopped after");
        assert!(self.child.wait().expect("it ends").success(), "{}", self.name);
    }
}

impl Drop for Peb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn inside(directory: &Path) {
    let switch = Switch::start(directory);
    // One cable a PEB; the hosts are at access ports of VLAN 10 and 20.
    for (ours, port, vlan) in [("host-a", "sa", "10"), ("host-b", "sb", "20"), ("device", "sd", "10")] {
        tool("ip", &["link", "add", ours, "type", "veth", "peer", "name", port]);
        tool("ip", &["link", "set", ours, "up"]);
        tool("ip", &["link", "set", port, "up"]);
        switch.set(&["add-port", "br0", port, &format!("tag={vlan}")]);
    }
    let device = Peb::start("device", directory, &["device", "--iface", "device"]);
    device.says("untagged");
    let a = Peb::start("host-a", directory, &["host", "--iface", "host-a", "--write", "of host a", "--loss", "1%"]);
    a.says("disk DISK0, first block \"\", written \"of host a\"");
    let b = Peb::start("host-b", directory, &["host", "--iface", "host-b"]);
    b.says("ready: 4 slots");

    // By the switch: nobody tells the PEBs.
    switch.set(&["set", "port", "sd", "tag=20"]);
    a.says("empty");
    b.says("disk DISK0, first block \"of host a\"");
    switch.set(&["set", "port", "sd", "tag=10"]);
    b.says("empty");
    a.says("disk DISK0, first block \"of host a\"");

    // By the PEB: its port of the switch carries both VLANs, and the tag decides.
    switch.set(&["clear", "port", "sd", "tag", "--", "set", "port", "sd", "trunks=10,20"]);
    device.ctl(&["move", "20"]);
    a.says("empty");
    b.says("disk DISK0, first block \"of host a\"");
    assert!(device.ctl(&["status"]).contains("VLAN 20"));
    device.ctl(&["move", "10"]);
    b.says("empty");
    a.says("disk DISK0, first block \"of host a\"");

    // What else `peb ctl` does.
    device.ctl(&["remove"]);
    a.says("empty");
    device.ctl(&["add"]);
    a.says("disk DISK0");
    device.ctl(&["cut"]);
    a.says("empty");
    assert!(device.ctl(&["status"]).contains("cut"));
    device.ctl(&["mend"]);
    a.says("disk DISK0");
    a.ctl(&["loss", "0%"]);
    let stats = a.ctl(&["stats"]);
    let row =
        |name: &str| stats.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {stats}"));
    assert!(row("RETRANSMITTED").split_whitespace().nth(1) != Some("0"), "1 % of the frames are lost: {stats}");
    for peb in [a, b, device] {
        peb.stop();
    }
}

#[test]
#[ignore = "nightly"]
fn a_device_moves_through_open_vswitch() {
    let directory = tempfile::tempdir().unwrap();
    if std::env::var_os(INSIDE).is_some() {
        return inside(directory.path());
    }
    let myself = std::env::current_exe().unwrap();
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "900", "unshare", "--net", "--map-root-user"]).arg(myself);
    command
        .args(["a_device_moves_through_open_vswitch", "--exact", "--include-ignored", "--nocapture"])
        .env(INSIDE, "1");
    let output = command.output().unwrap_or_else(|error| panic!("unshare: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "in a namespace of its own (`unshare --net --map-root-user`):\n{out}\n{err}");
}
