//! The C interface of a library that `peb_verilog::Design::library` has built. All unsafe code of the project is here.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void, CString};
use std::io;
use std::path::Path;
use std::ptr::NonNull;

use libloading::Library;

type Create = unsafe extern "C" fn() -> *mut c_void;
type Clock = unsafe extern "C" fn(*mut c_void, *const u64, *mut u64);
type Trace = unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int;
type Destroy = unsafe extern "C" fn(*mut c_void);

/// The functions of a library.
pub struct Symbols {
    create: Create,
    clock: Clock,
    trace: Trace,
    destroy: Destroy,
    /// Unloaded after the functions can no longer be called.
    _library: Library,
}

/// A model, made by [`Symbols::create`].
pub struct Instance {
    model: NonNull<c_void>,
    destroy: Destroy,
}

// SAFETY: a model has a Verilator context of its own and no tie to the thread that made it; `&mut` keeps threads apart.
unsafe impl Send for Instance {}

impl Symbols {
    /// Loads a library.
    pub fn load(file: &Path) -> Result<Symbols, libloading::Error> {
        // SAFETY: the library is the one that was built from our own text for these four functions; loading it runs
        // only the constructors of the C++ runtime.
        unsafe {
            let library = Library::new(file)?;
            Ok(Symbols {
                create: *library.get::<Create>(b"peb_create\0")?,
                clock: *library.get::<Clock>(b"peb_clock\0")?,
                trace: *library.get::<Trace>(b"peb_trace\0")?,
                destroy: *library.get::<Destroy>(b"peb_destroy\0")?,
                _library: library,
            })
        }
    }

    /// A new model.
    pub fn create(&self) -> Instance {
        // SAFETY: takes nothing.
        let model = NonNull::new(unsafe { (self.create)() }).expect("new never gives a null pointer");
        Instance { model, destroy: self.destroy }
    }

    /// One clock. The caller has checked that there is a word for every port.
    pub fn clock(&self, instance: &mut Instance, inputs: &[u64], outputs: &mut [u64]) {
        // SAFETY: the model is alive, and the function reads and writes as many words as there are ports.
        unsafe { (self.clock)(instance.model.as_ptr(), inputs.as_ptr(), outputs.as_mut_ptr()) }
    }

    /// Opens a waveform file.
    pub fn trace(&self, instance: &mut Instance, file: &Path) -> io::Result<()> {
        let name = CString::new(file.as_os_str().as_encoded_bytes())?;
        // SAFETY: the model is alive, the string ends with a zero and is copied.
        match unsafe { (self.trace)(instance.model.as_ptr(), name.as_ptr()) } {
            0 => Ok(()),
            1 => Err(io::Error::other("the file cannot be written")),
            _ => Err(io::Error::new(io::ErrorKind::Unsupported, "compiled without waveforms")),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: made by `create`, destroyed here only.
        unsafe { (self.destroy)(self.model.as_ptr()) }
    }
}
