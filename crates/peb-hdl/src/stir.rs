//! Inputs driven by a bench that does not know their names.

use crate::{U, W};
use rust_hdl::prelude::*;

/// Tells a width's next value; none: it stays as it is.
pub type Draw<'a> = dyn FnMut(usize) -> Option<u128> + 'a;

/// The input ports of a block, without its clocks. Implemented by the derive `Module`.
pub trait Inputs {
    /// Drives each port as `draw` says, in the order of the fields.
    fn stir_inputs(&mut self, draw: &mut Draw);
}

/// An input port, an array or a bundle with some. Implemented by the derive `Interface` too.
pub trait Stir {
    /// Drives what is an input.
    fn stir(&mut self, draw: &mut Draw);
}

impl Stir for Signal<In, bool> {
    fn stir(&mut self, draw: &mut Draw) {
        if let Some(value) = draw(1) {
            self.next = value & 1 == 1;
        }
    }
}

impl<const N: usize> Stir for Signal<In, U<N>> {
    fn stir(&mut self, draw: &mut Draw) {
        if let Some(value) = draw(N) {
            self.next = U::new(value as u64);
        }
    }
}

impl<const N: usize> Stir for Signal<In, W<N>> {
    fn stir(&mut self, draw: &mut Draw) {
        if let Some(value) = draw(N) {
            self.next = W::new(value);
        }
    }
}

impl<S: Stir, const N: usize> Stir for [S; N] {
    fn stir(&mut self, draw: &mut Draw) {
        self.iter_mut().for_each(|s| s.stir(draw));
    }
}

/// A field of a block or bundle, for the derives: what is no input is passed over.
#[doc(hidden)]
pub struct Field<'a, T>(pub &'a mut T);

/// For fields that are [`Stir`].
#[doc(hidden)]
pub trait InputField {
    fn stir_field(self, draw: &mut Draw);
}

impl<T: Stir> InputField for Field<'_, T> {
    fn stir_field(self, draw: &mut Draw) {
        self.0.stir(draw);
    }
}

/// For all other fields.
#[doc(hidden)]
pub trait OtherField {
    fn stir_field(self, draw: &mut Draw);
}

impl<T> OtherField for &Field<'_, T> {
    fn stir_field(self, _: &mut Draw) {}
}
