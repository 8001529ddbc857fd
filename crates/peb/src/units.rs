//! Option values with units.

use std::fmt;
use std::str::FromStr;

use peb_sim::net::clocks_of_ns;

/// Largest share that leaves the network usable.
const MAX_SHARE: f64 = 0.9;
/// Longest time of an option, in nanoseconds.
const MAX_NS: f64 = 1e7;

/// A share of all frames: `5%` or `0.05`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, scale) = match text.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 0.01),
            None => (text, 1.0),
        };
        match number.parse::<f64>() {
            Ok(value) if (0.0..=MAX_SHARE).contains(&(value * scale)) => Ok(Share(value * scale)),
            Ok(_) => Err(format!("out of range: 0% to {0:.0}%, or 0 to {MAX_SHARE}", MAX_SHARE * 100.0)),
            Err(_) => Err("not a share: write 5% or 0.05".into()),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded, so that 0.07 is 7% and not 7.000000000000001%.
        write!(f, "{}%", (self.0 * 1e8).round() / 1e6)
    }
}

/// A time: `20us`, `1.5ms`, `800ns`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Time {
    ns: f64,
}

impl Time {
    /// In clocks of 8 ns, rounded up.
    pub fn clocks(self) -> u64 {
        clocks_of_ns(self.ns.ceil() as u64)
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(|c: char| c.is_ascii_alphabetic() || c == 'µ').unwrap_or(text.len());
        let (number, unit) = text.split_at(at);
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            _ if number == "0" && unit.is_empty() => 1.0,
            _ => return Err("not a time: write 800ns, 20us or 1ms".into()),
        };
        match number.trim_end().parse::<f64>() {
            Ok(value) if (0.0..=MAX_NS).contains(&(value * scale)) => Ok(Time { ns: value * scale }),
            Ok(_) => Err("out of range: 0ns to 10ms".into()),
            Err(_) => Err("not a time: write 800ns, 20us or 1ms".into()),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ns >= 1e6 {
            write!(f, "{}ms", self.ns / 1e6)
        } else if self.ns >= 1e3 {
            write!(f, "{}us", self.ns / 1e3)
        } else {
            write!(f, "{}ns", self.ns)
        }
    }
}

/// A MAC address, first byte on the wire in bits 47:40.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac(pub u64);

impl FromStr for Mac {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let byte = |part: &str| match part.len() == 2 && part.bytes().all(|c| c.is_ascii_hexdigit()) {
            true => u8::from_str_radix(part, 16).ok(),
            false => None,
        };
        let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
        let Some([a, b, c, d, e, f]) = bytes.as_deref() else {
            return Err("not a MAC address: write six bytes as in 02:00:00:00:00:01".into());
        };
        if a & 1 == 1 {
            return Err("a group address; a core needs an individual one (first byte even)".into());
        }
        Ok(Mac(u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f])))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [.., a, b, c, d, e, g] = self.0.to_be_bytes();
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        for (text, value) in [("5%", 0.05), ("0.05", 0.05), ("0", 0.0), ("12.5%", 0.125), ("90%", 0.9), ("1 %", 0.01)] {
            assert!((text.parse::<Share>().unwrap().0 - value).abs() < 1e-12, "{text}");
        }
        for text in ["91%", "-1%", "1", "5", "-0.1", "inf", "NaN", "1e9%"] {
            assert_eq!(text.parse::<Share>().unwrap_err(), "out of range: 0% to 90%, or 0 to 0.9", "{text}");
        }
        for text in ["", "%", "x", "5%%", "5 percent"] {
            assert_eq!(text.parse::<Share>().unwrap_err(), "not a share: write 5% or 0.05", "{text}");
        }
        assert_eq!(["7%", "0.05", "12.5%"].map(|s| s.parse::<Share>().unwrap().to_string()), ["7%", "5%", "12.5%"]);
    }

    #[test]
    fn times() {
        for (text, clocks) in [("0", 0), ("8ns", 1), ("9ns", 2), ("20us", 2500), ("1.5ms", 187_500), ("10µs", 1250)] {
            assert_eq!(text.parse::<Time>().unwrap().clocks(), clocks, "{text}");
        }
        for text in ["11ms", "-1us", "1s"] {
            assert_eq!(text.parse::<Time>().unwrap_err(), "out of range: 0ns to 10ms", "{text}");
        }
        for text in ["", "20", "us", "20 parsecs", "1x2us", "NaNus"] {
            assert_eq!(text.parse::<Time>().unwrap_err(), "not a time: write 800ns, 20us or 1ms", "{text}");
        }
        assert_eq!(["2500ns", "1ms", "8ns"].map(|s| s.parse::<Time>().unwrap().to_string()), ["2.5us", "1ms", "8ns"]);
    }

    #[test]
    fn mac_addresses() {
        assert_eq!("02:00:5e:10:20:3F".parse(), Ok(Mac(0x0200_5e10_203f)));
        for bad in
            ["", "02:00:5e:10:20", "02:00:5e:10:20:30:40", "2:0:5e:10:20:30", "02:00:5e:10:20:+3", "02-00-5e-10-20-30"]
        {
            assert!(bad.parse::<Mac>().unwrap_err().contains("six bytes"), "{bad}");
        }
        assert!("01:00:5e:10:20:30".parse::<Mac>().unwrap_err().contains("group address"));
    }
}
