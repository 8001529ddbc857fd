//! A stock kernel with the plain Rust stand-in for the PEBs: what is here besides them, and quickly.

use std::time::Duration;

use peb_guest::lab::{Lab, Watch};
use peb_guest::packages;
use peb_guest::qemu::QemuConfig;
use peb_guest::serial::Line;
use peb_sim::device::{Device, DeviceConfig};
use peb_sim::world::stand_in::StandIn;

const SOON: Duration = Duration::from_secs(10);

struct Print;

impl Watch for Print {
    fn line(&mut self, _: &str, line: &Line) {
        println!("{:8.3} {}", line.at.as_secs_f64(), line.text);
    }
}

#[test]
fn a_device_comes_and_goes() {
    let files = packages::provide(None, |what| println!("{what}")).unwrap();
    let config = QemuConfig { files, memory: 256 << 20, append: "pciehp.pciehp_debug=1".into() };
    let mut device = Device::new(DeviceConfig::default());
    device.set_present(false);
    let mut watch = Print;
    let mut lab = Lab::new(StandIn::new(&[10], &[10]), 1, vec![device], &config, &mut watch).unwrap();
    lab.wait_for_shell(0, Duration::from_secs(90)).unwrap();
    println!("{:?} {} clocks {:?}", lab.elapsed(), lab.world.now(), lab.guests[0].bridge.accesses);
    let slots = lab.run(0, "ls /sys/bus/pci/slots", SOON).unwrap();
    assert_eq!(slots.split_whitespace().collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    lab.world.set_present(0, true);
    println!("{}", lab.until(0, "the device is seen", "grep -l 0x5678 /sys/bus/pci/devices/*/device", SOON).unwrap());
    lab.world.set_present(0, false);
    lab.until(0, "the device is gone", "! grep -l 0x5678 /sys/bus/pci/devices/*/device", SOON).unwrap();
    println!("{:?} {} clocks {:?}", lab.elapsed(), lab.world.now(), lab.guests[0].bridge.accesses);
    lab.power_off(0, SOON).unwrap();
}
