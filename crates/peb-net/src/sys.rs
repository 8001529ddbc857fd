//! The system calls.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::{size_of, size_of_val, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libc::{c_int, c_void};

use super::NetError;

/// More than the longest frame, jumbo frames included.
const BUFFER: usize = 1 << 16;
/// 802.1Q tag protocol identifier, of a kernel that does not tell which.
const TPID: u16 = 0x8100;
/// Octets of both addresses, behind which the tag goes.
const ADDRESSES: usize = 12;

/// A TAP device or a packet socket.
#[derive(Debug)]
pub struct Port {
    fd: OwnedFd,
    is_socket: bool,
    buffer: Vec<u8>,
}

/// Whether an error is no more than the loss of a frame, or that there is none: no room, interface down, interrupted.
pub fn is_loss(error: &io::Error) -> bool {
    let codes = [libc::EAGAIN, libc::EINTR, libc::ENOBUFS, libc::ENETDOWN, libc::EIO];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn counted(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// A request about an interface, its name filled in. The caller has checked the length.
fn request(name: &str) -> libc::ifreq {
    // SAFETY: all zeros are a valid ifreq.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request
}

fn socket(domain: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    let kind = if domain == libc::AF_PACKET { libc::SOCK_RAW } else { libc::SOCK_DGRAM };
    // SAFETY: no pointers; the descriptor is owned from here on.
    unsafe {
        checked(libc::socket(domain, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, protocol))
            .map(|fd| OwnedFd::from_raw_fd(fd))
    }
}

/// Flags of an interface.
fn flags(name: &str) -> io::Result<libc::c_short> {
    let socket = socket(libc::AF_INET, 0)?;
    let mut request = request(name);
    // SAFETY: the kernel fills in the request, which outlives the call.
    unsafe {
        checked(libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &mut request))?;
        Ok(request.ifr_ifru.ifru_flags)
    }
}

fn bring_up(name: &str) -> io::Result<()> {
    let old = flags(name)?;
    let up = old | libc::IFF_UP as libc::c_short;
    if up == old {
        return Ok(());
    }
    let socket = socket(libc::AF_INET, 0)?;
    let mut request = request(name);
    request.ifr_ifru.ifru_flags = up;
    // SAFETY: the kernel reads the request, which outlives the call.
    unsafe { checked(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request)).map(drop) }
}

fn set<T>(fd: &OwnedFd, option: c_int, value: &T) -> io::Result<()> {
    let value_at = std::ptr::from_ref(value).cast::<c_void>();
    let length = size_of_val(value) as libc::socklen_t;
    // SAFETY: pointer and length are those of one value that outlives the call.
    unsafe { checked(libc::setsockopt(fd.as_raw_fd(), libc::SOL_PACKET, option, value_at, length)).map(drop) }
}

/// What an error means for the user.
fn explain(name: &str, doing: &'static str, capability: &'static str, error: io::Error) -> NetError {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => NetError::Permission(name.into(), capability),
        Some(libc::ENODEV | libc::ENXIO) => NetError::Missing(name.into()),
        Some(libc::EBUSY | libc::EINVAL) if doing == "TUNSETIFF" => NetError::Busy(name.into()),
        _ => NetError::System(name.into(), doing, error),
    }
}

impl Port {
    pub fn tap(name: &str) -> Result<Self, NetError> {
        let wrong = |doing| move |error| explain(name, doing, "CAP_NET_ADMIN and /dev/net/tun", error);
        let opened = std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun");
        let file = opened.map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => NetError::NoTun,
            _ => wrong("/dev/net/tun")(error),
        })?;
        let fd = OwnedFd::from(file);
        let mut request = request(name);
        request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
        // SAFETY: the request outlives the calls.
        unsafe {
            checked(libc::ioctl(fd.as_raw_fd(), libc::TUNSETIFF as _, &mut request)).map_err(wrong("TUNSETIFF"))?;
            checked(libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK)).map_err(wrong("F_SETFL"))?;
        }
        bring_up(name).map_err(wrong("bring up"))?;
        Ok(Port { fd, is_socket: false, buffer: vec![0; BUFFER] })
    }

    pub fn packet(name: &str) -> Result<Self, NetError> {
        let wrong = |doing| move |error| explain(name, doing, "CAP_NET_RAW", error);
        // Protocol 0: nothing comes before the socket is bound to the one interface.
        let fd = socket(libc::AF_PACKET, 0).map_err(wrong("socket"))?;
        if flags(name).map_err(wrong("flags"))? & libc::IFF_UP as libc::c_short == 0 {
            return Err(NetError::Down(name.into()));
        }
        let c_name = CString::new(name).map_err(|_| NetError::Name(name.into()))?;
        // SAFETY: a string that ends with zero.
        let index = unsafe { libc::if_nametoindex(c_name.as_ptr()) } as c_int;
        if index == 0 {
            return Err(NetError::Missing(name.into()));
        }
        set(&fd, libc::PACKET_AUXDATA, &1).map_err(wrong("PACKET_AUXDATA"))?;
        set(&fd, libc::PACKET_IGNORE_OUTGOING, &1).map_err(wrong("PACKET_IGNORE_OUTGOING"))?;
        // SAFETY: all zeros are valid for both.
        let (mut all, mut address): (libc::packet_mreq, libc::sockaddr_ll) = unsafe { (zeroed(), zeroed()) };
        all.mr_ifindex = index;
        all.mr_type = libc::PACKET_MR_PROMISC as u16;
        set(&fd, libc::PACKET_ADD_MEMBERSHIP, &all).map_err(wrong("PACKET_MR_PROMISC"))?;
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = index;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: pointer and length are those of the address.
        unsafe { checked(libc::bind(fd.as_raw_fd(), std::ptr::from_ref(&address).cast(), length)) }
            .map_err(wrong("bind"))?;
        Ok(Port { fd, is_socket: true, buffer: vec![0; BUFFER] })
    }

    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        // SAFETY: pointer and length are those of the slice.
        counted(unsafe { libc::write(self.fd.as_raw_fd(), frame.as_ptr().cast(), frame.len()) }).map(drop)
    }

    pub fn receive(&mut self) -> io::Result<Vec<u8>> {
        if self.is_socket {
            return self.receive_packet();
        }
        // SAFETY: pointer and length are those of the buffer.
        let length = unsafe { libc::read(self.fd.as_raw_fd(), self.buffer.as_mut_ptr().cast(), self.buffer.len()) };
        Ok(self.buffer[..counted(length)?].to_vec())
    }

    fn receive_packet(&mut self) -> io::Result<Vec<u8>> {
        let mut control = [0u64; 16];
        let mut part = libc::iovec { iov_base: self.buffer.as_mut_ptr().cast(), iov_len: self.buffer.len() };
        // SAFETY: all zeros are a valid header; its pointers are to the two buffers, with their lengths. The control
        // messages are read through the macros that check the lengths the kernel gave.
        unsafe {
            let mut header: libc::msghdr = zeroed();
            header.msg_iov = &mut part;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&control) as _;
            let length = counted(libc::recvmsg(self.fd.as_raw_fd(), &mut header, 0))?;
            let mut frame = self.buffer[..length].to_vec();
            let mut message = libc::CMSG_FIRSTHDR(&header);
            while let Some(head) = message.as_ref() {
                if head.cmsg_level == libc::SOL_PACKET && head.cmsg_type == libc::PACKET_AUXDATA {
                    let data = libc::CMSG_DATA(message).cast::<libc::tpacket_auxdata>().read_unaligned();
                    insert_tag(&mut frame, &data);
                }
                message = libc::CMSG_NXTHDR(&header, message);
            }
            Ok(frame)
        }
    }
}

/// Puts back the tag that the kernel took out.
fn insert_tag(frame: &mut Vec<u8>, data: &libc::tpacket_auxdata) {
    if data.tp_status & libc::TP_STATUS_VLAN_VALID == 0 || frame.len() < ADDRESSES {
        return;
    }
    let known = data.tp_status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
    let tpid = if known { data.tp_vlan_tpid } else { TPID };
    let tag = tpid.to_be_bytes().into_iter().chain(data.tp_vlan_tci.to_be_bytes());
    frame.splice(ADDRESSES..ADDRESSES, tag);
}
