//! openFPGALoader against a simulated JTAG chain: the cable is Xilinx Virtual Cable over TCP, the FPGA a model of the ECP5's JTAG
//! port (IEEE 1149.1 and the ECP5 sysCONFIG guide). What the FPGA is loaded with must be the bitstream, byte by byte.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use peb_verilog::tools;

const VERSA_5G: u32 = 0x8111_2043;
const ECPIX: u32 = 0x8111_3043;

/// States of a TAP controller.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tap {
    Reset,
    Idle,
    SelectDr,
    CaptureDr,
    ShiftDr,
    Exit1Dr,
    PauseDr,
    Exit2Dr,
    UpdateDr,
    SelectIr,
    CaptureIr,
    ShiftIr,
    Exit1Ir,
    PauseIr,
    Exit2Ir,
    UpdateIr,
}

impl Tap {
    fn next(self, tms: bool) -> Tap {
        use Tap::*;
        let (zero, one) = match self {
            Reset => (Idle, Reset),
            Idle | UpdateDr | UpdateIr => (Idle, SelectDr),
            SelectDr => (CaptureDr, SelectIr),
            CaptureDr | ShiftDr => (ShiftDr, Exit1Dr),
            Exit1Dr => (PauseDr, UpdateDr),
            PauseDr => (PauseDr, Exit2Dr),
            Exit2Dr => (ShiftDr, UpdateDr),
            SelectIr => (CaptureIr, Reset),
            CaptureIr | ShiftIr => (ShiftIr, Exit1Ir),
            Exit1Ir => (PauseIr, UpdateIr),
            PauseIr => (PauseIr, Exit2Ir),
            Exit2Ir => (ShiftIr, UpdateIr),
        };
        if tms {
            one
        } else {
            zero
        }
    }
}

/// Instructions of the ECP5.
mod instruction {
    pub const READ_ID: u8 = 0xe0;
    pub const ENABLE: u8 = 0xc6;
    pub const DISABLE: u8 = 0x26;
    pub const READ_STATUS: u8 = 0x3c;
    pub const BURST: u8 = 0x7a;
}

/// The JTAG port of an ECP5, and what it was loaded with.
struct Fpga {
    id: u32,
    tap: Tap,
    instruction: u8,
    shift_ir: u8,
    /// Data register, and its length in bits.
    data: u64,
    bits: u32,
    enabled: bool,
    done: bool,
    loaded: Vec<bool>,
}

impl Fpga {
    fn new(id: u32) -> Self {
        let (tap, instruction) = (Tap::Reset, instruction::READ_ID);
        Fpga { id, tap, instruction, shift_ir: 0, data: 0, bits: 1, enabled: false, done: false, loaded: vec![] }
    }

    /// Status register: 8 done, 9 configuration enabled.
    fn status(&self) -> u32 {
        u32::from(self.done) << 8 | u32::from(self.enabled) << 9
    }

    /// One clock of TCK; gives TDO before it.
    fn clock(&mut self, tms: bool, tdi: bool) -> bool {
        let mut tdo = true;
        match self.tap {
            Tap::Reset => self.instruction = instruction::READ_ID,
            Tap::CaptureIr => self.shift_ir = 1,
            Tap::ShiftIr => {
                tdo = self.shift_ir & 1 == 1;
                self.shift_ir = self.shift_ir >> 1 | u8::from(tdi) << 7;
            }
            Tap::CaptureDr => {
                (self.data, self.bits) = match self.instruction {
                    instruction::READ_ID => (self.id.into(), 32),
                    instruction::READ_STATUS => (self.status().into(), 32),
                    _ => (0, 1),
                };
            }
            Tap::ShiftDr => {
                tdo = self.data & 1 == 1;
                self.data = self.data >> 1 | u64::from(tdi) << (self.bits - 1);
                if self.instruction == instruction::BURST {
                    self.loaded.push(tdi);
                }
            }
            _ => {}
        }
        self.tap = self.tap.next(tms);
        if self.tap == Tap::UpdateIr {
            self.instruction = self.shift_ir;
            match self.instruction {
                instruction::ENABLE => (self.enabled, self.done) = (true, false),
                instruction::DISABLE => (self.enabled, self.done) = (false, !self.loaded.is_empty()),
                _ => {}
            }
        }
        tdo
    }

    /// The bytes loaded, most significant bit first.
    fn bytes(&self) -> Vec<u8> {
        self.loaded.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit))).collect()
    }
}

/// A Xilinx Virtual Cable with this FPGA behind it, until the client hangs up. Listens on a port of its own.
fn cable(id: u32) -> (u16, thread::JoinHandle<Fpga>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    let serve = move || {
        let mut fpga = Fpga::new(id);
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        while serve_one(&mut stream, &mut fpga).is_ok() {}
        fpga
    };
    (port, thread::spawn(serve))
}

/// One command of the cable: `getinfo:`, `settck:` with a period, `shift:` with a number of bits, TMS and TDI.
fn serve_one(stream: &mut TcpStream, fpga: &mut Fpga) -> std::io::Result<()> {
    let mut name = Vec::new();
    while name.last() != Some(&b':') {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        name.push(byte[0]);
    }
    let mut word = [0; 4];
    match name.as_slice() {
        b"getinfo:" => stream.write_all(b"xvcServer_v1.0:2048\n"),
        b"settck:" => {
            stream.read_exact(&mut word)?;
            stream.write_all(&word)
        }
        b"shift:" => {
            stream.read_exact(&mut word)?;
            let bits = u32::from_le_bytes(word) as usize;
            let (mut tms, mut tdi) = (vec![0; bits.div_ceil(8)], vec![0; bits.div_ceil(8)]);
            stream.read_exact(&mut tms)?;
            stream.read_exact(&mut tdi)?;
            let bit = |bytes: &[u8], n: usize| bytes[n / 8] >> (n % 8) & 1 == 1;
            let mut tdo = vec![0; tms.len()];
            for n in 0..bits {
                tdo[n / 8] |= u8::from(fpga.clock(bit(&tms, n), bit(&tdi, n))) << (n % 8);
            }
            stream.write_all(&tdo)
        }
        other => panic!("the cable is told {:?}", String::from_utf8_lossy(other)),
    }
}

/// The bitstream of an empty design, by ecppack.
fn bitstream() -> Vec<u8> {
    let tools = tools::tool_directories().into_iter().map(|d| d.join("bin/yowasp-ecppack"));
    let ecppack = tools.into_iter().find(|p| p.is_file()).expect("ecppack; run tools/setup.sh");
    let directory = tempfile::tempdir().expect("a folder");
    let config = ".device LFE5UM5G-45F\n\n.comment Part: LFE5UM5G-45F-8CABGA381\n\n";
    std::fs::write(directory.path().join("empty.config"), config).expect("written");
    // Relative names: the tool sees /tmp as its own.
    let run = Command::new(ecppack)
        .current_dir(directory.path())
        .args(["--compress", "--input", "empty.config", "--bit", "empty.bit"])
        .output()
        .expect("ecppack");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    std::fs::read(directory.path().join("empty.bit")).expect("the bitstream")
}

/// Loads a bitstream into the simulated FPGA.
fn load(id: u32, bytes: &[u8]) -> (Output, Fpga) {
    let loader = tools::site_package("openfpgaloader/bin/openFPGALoader").unwrap_or_else(|e| panic!("{e}"));
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("x.bit");
    std::fs::write(&file, bytes).expect("written");
    let (port, server) = cable(id);
    let output = Command::new(loader)
        .args(["-c", "xvc-client", "--ip", "127.0.0.1", "--port", &port.to_string(), "-m"])
        .arg(&file)
        .output()
        .expect("openFPGALoader");
    (output, server.join().expect("the cable"))
}

#[test]
fn what_arrives_in_the_fpga_is_the_bitstream() {
    let bytes = bitstream();
    assert!(bytes.len() > 100_000 && bytes.starts_with(b"\xff\x00Part: LFE5UM5G-45F-8CABGA381\0"));
    let (output, fpga) = load(VERSA_5G, &bytes);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // The text of the header stays behind.
    let start = bytes.iter().skip(2).position(|b| *b == 0).expect("the end of the header") + 3;
    assert_eq!(fpga.bytes(), &bytes[start..], "{said}");
    assert!(fpga.done && !fpga.enabled);
}

#[test]
fn a_bitstream_for_another_fpga_is_refused_and_nothing_is_loaded() {
    let (output, fpga) = load(ECPIX, &bitstream());
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("mismatch between target's idcode and bitstream idcode"),
        "{said}"
    );
    assert!(fpga.loaded.is_empty());
}
