//! Frames through Open vSwitch (its userspace datapath) in a network namespace: access ports and trunks, TAP devices and
//! network interfaces.
//!
//! The test runs itself again inside `unshare --net`; it fails, and does not skip, where that or Open vSwitch is missing
//! (tools/setup.sh installs it).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use peb_net::Interface;

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "PEB_NET_INSIDE";
/// How long a frame may take through the switch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long none must come where none may. Long against a switch's latency, and no more than that.
const SILENCE: Duration = Duration::from_millis(300);

fn tool(name: &str, args: &[&str]) {
    let output = Command::new(name).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}; run tools/setup.sh"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {}: {text}", args.join(" "));
}

/// Open vSwitch with files of its own. Ends with the value.
struct Switch {
    directory: tempfile::TempDir,
}

impl Switch {
    fn start() -> Self {
        let switch = Switch { directory: tempfile::tempdir().unwrap() };
        let at = |file: &str| switch.path().join(file).display().to_string();
        std::env::set_current_dir(switch.path()).unwrap();
        tool("ovsdb-tool", &["create", &at("db"), "/usr/share/openvswitch/vswitch.ovsschema"]);
        let server = ["--detach", "--no-chdir", &format!("--unixctl={}", at("db.ctl"))];
        let server =
            [&server[..], &[&format!("--pidfile={}", at("db.pid")), &format!("--remote=punix:{}", at("sock"))]];
        tool("ovsdb-server", &[&server.concat()[..], &[&at("db")]].concat());
        let daemon = [&format!("unix:{}", at("sock")), "--detach", "--no-chdir", &format!("--unixctl={}", at("v.ctl"))];
        tool("ovs-vswitchd", &[&daemon[..], &[&format!("--pidfile={}", at("v.pid"))]].concat());
        switch.set(&["add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"]);
        switch
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// `ovs-vsctl`, which waits until the switch has done it.
    fn set(&self, args: &[&str]) {
        let database = format!("--db=unix:{}", self.path().join("sock").display());
        tool("ovs-vsctl", &[&[database.as_str(), "--timeout=20"], args].concat());
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        for file in ["v.pid", "db.pid"] {
            let pid = std::fs::read_to_string(self.path().join(file)).unwrap_or_default();
            if !pid.trim().is_empty() {
                let _ = Command::new("kill").arg(pid.trim()).status();
            }
        }
    }
}

/// A frame with EtherType 0x88b5 (local experimental), and the tag of a VLAN before it, priority 5.
fn frame(to: u8, from: u8, vid: Option<u16>, number: u8, len: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from];
    if let Some(vid) = vid {
        frame.extend([0x81, 0x00]);
        frame.extend((5 << 13 | vid).to_be_bytes());
    }
    frame.extend([0x88, 0xb5, number]);
    frame.resize(len, number);
    frame
}

/// Waits for a frame of ours; others (IPv6 finds its neighbours) are passed over.
fn next(port: &mut Interface, patience: Duration) -> Option<Vec<u8>> {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        match port.receive().unwrap_or_else(|error| panic!("{error}")) {
            Some(frame) => {
                let at = if frame[12..14] == [0x81, 0x00] { 16 } else { 12 };
                if frame[at..at + 2] == [0x88, 0xb5] {
                    return Some(frame);
                }
            }
            None => std::thread::yield_now(),
        }
    }
    None
}

/// Sends until one comes, as the switch takes its ports into use a moment after `ovs-vsctl` has returned.
fn passes(from: &mut Interface, to: &mut Interface, sent: &[u8], expected: &[u8]) {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        from.send(sent).unwrap_or_else(|error| panic!("{error}"));
        while let Some(got) = next(to, Duration::from_millis(100)) {
            // Copies of an earlier frame may still come.
            if got == expected {
                return;
            }
        }
    }
    panic!("{} to {}: {sent:02x?} did not arrive as {expected:02x?}", from.name(), to.name());
}

fn inside() {
    // Port a: a network interface at an access port. Port b: a TAP device at another. Port t: a trunk.
    for (ours, switch) in [("peb-a", "sa"), ("peb-t", "st")] {
        tool("ip", &["link", "add", ours, "type", "veth", "peer", "name", switch]);
        tool("ip", &["link", "set", ours, "up"]);
        tool("ip", &["link", "set", switch, "up"]);
    }
    let mut a = Interface::packet("peb-a").unwrap_or_else(|error| panic!("{error}"));
    let mut t = Interface::packet("peb-t").unwrap_or_else(|error| panic!("{error}"));
    let mut b = Interface::tap("peb-b").unwrap_or_else(|error| panic!("{error}"));
    let switch = Switch::start();
    switch.set(&["add-port", "br0", "sa", "tag=10", "--", "add-port", "br0", "peb-b", "tag=10"]);
    switch.set(&["add-port", "br0", "st", "trunks=10,20"]);

    // Untagged between access ports; the shortest is padded, the longest is whole.
    for len in [15, 60, 1514] {
        let sent = frame(2, 1, None, len as u8, len);
        let mut padded = sent.clone();
        padded.resize(len.max(60), 0);
        passes(&mut a, &mut b, &sent, &padded);
        passes(&mut b, &mut a, &frame(1, 2, None, 77, len), &{
            let mut padded = frame(1, 2, None, 77, len);
            padded.resize(len.max(60), 0);
            padded
        });
    }
    // The trunk's own tag, which the packet socket gives beside the frame.
    let untagged = frame(1, 3, None, 9, 200);
    passes(&mut t, &mut a, &frame(1, 3, Some(10), 9, 204), &untagged);
    // What the switch flooded before it had learned is still in the queue.
    while next(&mut t, SILENCE).is_some() {}
    a.send(&frame(3, 1, None, 11, 1514)).unwrap();
    let got = next(&mut t, PATIENCE).expect("a frame for the trunk");
    assert_eq!((&got[12..14], got.len()), (&[0x81, 0x00][..], 1518), "tagged, and 4 octets longer");
    assert_eq!(u16::from_be_bytes([got[14], got[15]]) & 0xfff, 10);
    assert_eq!(got[16..18], [0x88, 0xb5]);

    // Another VLAN at the access port: only frames of the trunk with that tag come.
    switch.set(&["set", "port", "sa", "tag=20"]);
    passes(&mut t, &mut a, &frame(1, 3, Some(20), 13, 204), &frame(1, 3, None, 13, 200));
    while next(&mut a, SILENCE).is_some() {}
    t.send(&frame(1, 3, Some(10), 15, 204)).unwrap();
    b.send(&frame(1, 2, None, 15, 200)).unwrap();
    assert_eq!(next(&mut a, SILENCE), None, "VLAN 10 does not reach VLAN 20");

    // What is wrong is said.
    assert!(Interface::tap("peb-a").is_err(), "a veth is no TAP device");
    tool("ip", &["link", "set", "peb-a", "down"]);
    let error = Interface::packet("peb-a").unwrap_err().to_string();
    assert!(error.contains("ip link set peb-a up"), "{error}");
    assert_eq!(a.receive().unwrap_or_else(|error| panic!("{error}")), None, "a cable that is out carries nothing");
}

#[test]
fn frames_pass_open_vswitch() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let myself: PathBuf = std::env::current_exe().unwrap();
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "120", "unshare", "--net", "--map-root-user"]).arg(myself);
    command.args(["frames_pass_open_vswitch", "--exact", "--nocapture"]).env(INSIDE, "1");
    let output = command.output().unwrap_or_else(|error| panic!("unshare: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "in a namespace of its own (`unshare --net --map-root-user`):\n{out}\n{err}");
}
