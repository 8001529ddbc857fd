//! Blocks of which only what is special is written down.

use rust_hdl::prelude::*;
use std::marker::PhantomData;

/// A block with nothing special: every field is its `Default`, or blank if it has none; arrays element by element. Implemented by the derive
/// `Module`, for constructors: `Self { limit: Constant::new(limit), ..Self::blank() }`. They must set what may not stay so: constants are 0.
pub trait Blank {
    /// The block, in which the constructor then sets what it knows better.
    fn blank() -> Self;
}

impl<T: Synth> Blank for Constant<T> {
    fn blank() -> Self {
        Constant::new(T::default())
    }
}

/// The type of a field, for the derive: its default if it has one, else it is blank.
#[doc(hidden)]
pub struct Start<T>(pub PhantomData<T>);

/// For fields that have a default.
#[doc(hidden)]
pub trait DefaultField<T> {
    fn start(self) -> T;
}

impl<T: Default> DefaultField<T> for Start<T> {
    #[inline]
    fn start(self) -> T {
        T::default()
    }
}

/// For all other fields.
#[doc(hidden)]
pub trait BlankField<T> {
    fn start(self) -> T;
}

impl<T: Blank> BlankField<T> for &Start<T> {
    #[inline]
    fn start(self) -> T {
        T::blank()
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use peb_hdl::Blank;

    /// With a default of its own.
    #[derive(Module)]
    struct Seven {
        clock: Signal<In, Clk>,
        limit: Constant<U<4>>,
        _activity: Activity,
    }

    impl Default for Seven {
        fn default() -> Self {
            Seven { limit: Constant::new(7.into()), ..Self::blank() }
        }
    }

    impl Logic for Seven {
        #[hdl_gen]
        fn update(&mut self) {}
    }

    /// Without one.
    #[derive(Module)]
    struct Inner {
        clock: Signal<In, Clk>,
        limit: Constant<Bit>,
        _activity: Activity,
    }

    impl Logic for Inner {
        #[hdl_gen]
        fn update(&mut self) {}
    }

    #[derive(Module)]
    struct Outer<const N: usize> {
        clock: Signal<In, Clk>,
        sinks: [StreamRx; N],
        counts: [[Reg<U<4>>; N]; 2],
        tables: [Constant<U<8>>; 3],
        sevens: [Seven; N],
        inner: Inner,
        words: Ram<U<8>, 3>,
        seed: Constant<U<8>>,
        _log: Vec<u8>,
        _activity: Activity,
    }

    impl<const N: usize> Logic for Outer<N> {
        #[hdl_gen]
        fn update(&mut self) {}
    }

    #[test]
    fn fields_are_default_or_blank() {
        let outer = Outer::<2> { seed: Constant::new(9.into()), ..Outer::blank() };
        assert_eq!(outer.seed.val(), 9);
        assert!(outer.tables.iter().all(|c| c.val() == 0));
        assert!(outer.sevens.iter().all(|s| s.limit.val() == 7), "a default is not replaced");
        assert!(!outer.inner.limit.val());
        assert_eq!(outer.counts[1][1].q.val(), 0);
        assert!(!outer.sinks[1].valid.val());
        assert!(outer._log.is_empty());
    }

    #[test]
    fn what_is_blank_is_evaluated_at_first() {
        assert!(Outer::<1>::blank()._activity.take_stale());
    }
}
