//! A device whose link partner is the test itself.

use peb_tlp::{CompletionStatus, TlpType, TlpView};

use super::nvme::{Medium, Nvme, NvmeConfig};
use super::*;

const ROOT: RequestId = RequestId { requester: FunctionId(0), tag: Tag(3) };

/// A device and the other end of its link.
struct Pair {
    device: Device,
    root: PciePort,
}

impl Pair {
    /// Out of reset, with the link up.
    fn new(device: Device) -> Self {
        let mut pair = Pair { device, root: PciePort::new("root", PortStalls::NONE, 1) };
        pair.clock(true);
        while !pair.device.link_up() {
            pair.clock(false);
            assert!(pair.device.now < 2000, "no link");
        }
        pair
    }

    /// One clock; what arrived at the root in it.
    fn clock(&mut self, reset: bool) -> Option<Vec<u8>> {
        let (device, root) = (self.device.pins().port, self.root.pins());
        self.device.clock(&PortOut { rx_ready: root.tx_ready, rx_np_ok: root.tx_np_ok, tx: root.rx }, reset);
        self.root.clock(&PortOut { rx_ready: device.tx_ready, rx_np_ok: device.tx_np_ok, tx: device.rx }).received
    }

    /// The first TLP that comes back after a request.
    fn ask(&mut self, request: Tlp) -> Vec<u8> {
        self.root.send(request);
        (0..500).find_map(|_| self.clock(false)).expect("an answer")
    }

    /// Who answers a configuration read of a function, with which status and dword.
    fn read(&mut self, function: u8, register: u16) -> (FunctionId, CompletionStatus, u32) {
        let target = FunctionId::new(5, 0, function);
        let answer = self.ask(Tlp::config_read(ROOT, target, register, false).expect("a request"));
        let answer = TlpView::parse(&answer).expect("a TLP");
        assert_eq!((answer.ty(), answer.tag()), (TlpType::Completion, ROOT.tag));
        let data = answer.payload().first_chunk().copied().unwrap_or_default();
        (answer.completer(), answer.status(), u32::from_le_bytes(data))
    }

    fn write(&mut self, function: u8, register: u16, data: u32) {
        let target = FunctionId::new(5, 0, function);
        self.ask(Tlp::config_write(ROOT, target, register, false, data.to_le_bytes()).expect("a request"));
    }
}

fn two_functions() -> Pair {
    let settings = DeviceConfig::default();
    let engine = DmaEngine::new(settings.memory);
    Pair::new(Device::with(settings, Nvme::new(NvmeConfig::default(), Medium::memory(1 << 20))).and(engine))
}

#[test]
fn each_function_has_a_configuration_space_and_an_id_of_its_own() {
    let mut pair = two_functions();
    pair.write(0, 4, 0);
    for function in 0..2 {
        let (completer, status, header) = pair.read(function, 12);
        assert_eq!((completer, status), (FunctionId::new(5, 0, function), CompletionStatus::Successful));
        assert_eq!(header >> 23 & 1, 1, "function {function} says that there are several");
    }
    let classes = [pair.read(0, 8).2 >> 8, pair.read(1, 8).2 >> 8];
    assert_eq!(classes[0], 0x01_0802, "an NVMe controller");
    assert_ne!(classes[0], classes[1]);
    // Command of one is not that of the other.
    pair.write(1, 4, 6);
    assert_eq!((pair.read(0, 4).2 & 7, pair.read(1, 4).2 & 7), (0, 6));
    assert_eq!(pair.read(2, 0).1, CompletionStatus::UnsupportedRequest);
    assert_eq!(pair.device.complaints, []);
}

#[test]
fn memory_requests_reach_the_function_whose_bar_they_meet() {
    let mut pair = two_functions();
    for function in 0..2 {
        pair.write(function, 0x10, 0x4000_0000 + 0x0100_0000 * u32::from(function));
        pair.write(function, 4, 2);
    }
    let version = pair.ask(Tlp::memory_read(ROOT, 0x4000_0008, 4).expect("a request"));
    let version = TlpView::parse(&version).expect("a TLP");
    assert_eq!(version.completer(), FunctionId::new(5, 0, 0));
    assert_eq!(version.payload(), [0, 4, 1, 0], "NVM Express 1.4");
    let other = pair.ask(Tlp::memory_read(ROOT, 0x4100_0000, 4).expect("a request"));
    assert_eq!(TlpView::parse(&other).expect("a TLP").completer(), FunctionId::new(5, 0, 1));
    let nobody = pair.ask(Tlp::memory_read(ROOT, 0x4200_0000, 4).expect("a request"));
    assert_eq!(TlpView::parse(&nobody).expect("a TLP").status(), CompletionStatus::UnsupportedRequest);
}

#[test]
fn a_device_of_one_function_says_so() {
    let mut pair = Pair::new(Device::new(DeviceConfig::default()));
    assert_eq!(pair.read(0, 12).2 >> 23 & 1, 0);
    assert_eq!(pair.read(1, 0).1, CompletionStatus::UnsupportedRequest);
}
