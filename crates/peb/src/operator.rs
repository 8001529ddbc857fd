//! The socket through which `peb ctl` reaches a run: one line there, an answer back.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{bail, ensure, Context};
use peb_sim::world::Operated;

/// Name of the socket in the directory of a run.
const SOCKET: &str = "ctl";
/// First line of an answer.
const DONE: &str = "done\n";
/// First line of an answer that says what is wrong.
const WRONG: &str = "wrong\n";
/// Command that ends a run which has no end of its own.
const STOP: &str = "stop";
/// Bytes of a command at most.
const LONGEST: usize = 256;
/// Time a run may take for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The end of the run. Gone with the value.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    clients: Vec<(UnixStream, Vec<u8>)>,
    /// Whether the run may be told to stop.
    stoppable: bool,
    stopped: bool,
}

impl Socket {
    /// A socket in this directory, which is made if need be.
    pub fn listen(directory: &Path, stoppable: bool) -> anyhow::Result<Self> {
        let path = directory.join(SOCKET);
        let name = || path.display().to_string();
        fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        if UnixStream::connect(&path).is_ok() {
            bail!("{}: another run has this directory; give this one its own with --log", name());
        }
        // Of a run that was killed.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(name),
            _ => {}
        }
        let listener = UnixListener::bind(&path).with_context(name)?;
        listener.set_nonblocking(true).with_context(name)?;
        Ok(Socket { listener, path, clients: Vec::new(), stoppable, stopped: false })
    }

    /// Does what has been asked for meanwhile. Does not wait.
    pub fn attend(&mut self, world: &mut dyn Operated) {
        while let Ok((client, _)) = self.listener.accept() {
            if client.set_nonblocking(true).is_ok() {
                self.clients.push((client, Vec::new()));
            }
        }
        for (mut client, mut line) in std::mem::take(&mut self.clients) {
            let mut bytes = [0; LONGEST];
            match client.read(&mut bytes) {
                Ok(0) => {}
                Ok(len) => {
                    line.extend_from_slice(&bytes[..len]);
                    match line.iter().position(|&byte| byte == b'\n') {
                        // Answers are short, and whoever does not take them has none.
                        Some(end) => _ = client.write_all(self.answer(&line[..end], world).as_bytes()),
                        None if line.len() < LONGEST => self.clients.push((client, line)),
                        None => {}
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.clients.push((client, line)),
                Err(_) => {}
            }
        }
    }

    fn answer(&mut self, line: &[u8], world: &mut dyn Operated) -> String {
        let line = String::from_utf8_lossy(line);
        let result = match line.trim() {
            STOP if self.stoppable => {
                self.stopped = true;
                Ok(String::new())
            }
            STOP => Err("this run ends when its guests power off".into()),
            line => line.parse().and_then(|control| world.control(control)),
        };
        match result {
            Ok(text) => format!("{DONE}{text}"),
            Err(text) => format!("{WRONG}{text}"),
        }
    }

    /// Whether it was told to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Gives a command to the run whose directory this is; what it says.
pub fn ask(directory: &Path, command: &str) -> anyhow::Result<String> {
    let path = directory.join(SOCKET);
    let connected = UnixStream::connect(&path);
    let mut stream = connected.with_context(|| {
        format!(
            "{}: no run has this directory; --log DIR names that of `peb linux`, `peb host` or `peb device`",
            path.display()
        )
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{command}\n").as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    read.with_context(|| format!("{}: no answer", path.display()))?;
    if let Some(wrong) = answer.strip_prefix(WRONG) {
        bail!("{wrong}");
    }
    let text = answer.strip_prefix(DONE);
    ensure!(text.is_some(), "{}: the run has ended", path.display());
    Ok(text.unwrap_or_default().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use peb_sim::world::Control;

    /// Notes what it is told.
    struct World(Vec<Control>);

    impl Operated for World {
        fn control(&mut self, control: Control) -> Result<String, String> {
            self.0.push(control);
            match control {
                Control::Remove(_) => Err("is not there".into()),
                _ => Ok("as you say\n".into()),
            }
        }
    }

    #[test]
    fn commands_get_answers() {
        let directory = tempfile::tempdir().unwrap();
        assert!(ask(directory.path(), "status").unwrap_err().to_string().contains("no run has this directory"));
        let mut socket = Socket::listen(directory.path(), true).unwrap();
        assert!(Socket::listen(directory.path(), true).err().unwrap().to_string().contains("another run"));
        let at = directory.path().to_path_buf();
        let asked = std::thread::spawn(move || {
            ["add 0", "remove 0", "dance", "stop"].map(|command| ask(&at, command).map_err(|error| error.to_string()))
        });
        let mut world = World(Vec::new());
        while !socket.is_stopped() {
            socket.attend(&mut world);
        }
        let [add, remove, dance, stop] = asked.join().unwrap();
        assert_eq!((add, remove), (Ok("as you say\n".into()), Err("is not there".into())));
        assert!(dance.unwrap_err().contains("is no command"));
        assert_eq!(stop, Ok(String::new()));
        assert_eq!(world.0, [Control::Add(0), Control::Remove(0)]);
        drop(socket);
        assert!(!directory.path().join(SOCKET).exists());
    }
}
