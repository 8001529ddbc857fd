//! Designs that cannot mean the same in Verilog are refused, with the block and the name that is wrong.

#![allow(missing_docs)]

use peb_hdl::prelude::*;
use peb_verilog::{export, export_with, ExportError, ExportOptions, Problem};

/// A block with these ports and fields.
macro_rules! block {
    ($name:ident { $($field:ident: $ty:ty),* }) => {
        #[derive(Module, Default)]
        pub struct $name {
            $(pub $field: $ty,)*
            _activity: Activity,
        }
    };
}

fn problem(block: &dyn Block) -> Problem {
    let ExportError { block, problem } = export(block, "top").expect_err("the export must fail");
    assert!(block.starts_with("top"), "{block}");
    problem
}

block!(Latch { a: Signal<In, Bit>, y: Signal<Out, Bit> });

impl Logic for Latch {
    #[hdl_gen]
    fn update(&mut self) {
        if self.a.val() {
            self.y.next = true;
        }
    }
}

block!(Early { a: Signal<In, Bit>, t: Signal<Local, Bit>, y: Signal<Out, Bit> });

impl Logic for Early {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.t.val();
        self.t.next = self.a.val();
    }
}

block!(PartOfStruct { a: Signal<In, U<4>>, y: Signal<Out, U<4>> });

impl Logic for PartOfStruct {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.y.val().replace_bit(0, self.a.val().any());
    }
}

block!(WritesInput { a: Signal<In, Bit>, y: Signal<Out, Bit> });

impl Logic for WritesInput {
    #[hdl_gen]
    fn update(&mut self) {
        self.a.next = true;
        self.y.next = true;
    }
}

const LIMIT: u64 = 9;

block!(RustConst { a: Signal<In, U<4>>, y: Signal<Out, Bit> });

impl Logic for RustConst {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.a.val() == LIMIT;
    }
}

block!(Wide { a: Signal<In, U<4>>, y: Signal<Out, Bit> });

impl Logic for Wide {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.a.val() == 16;
    }
}

block!(AfterIndex { a: Signal<In, U<4>>, w: Signal<In, U<16>>, y: Signal<Out, Bit> });

impl Logic for AfterIndex {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.w.val().get_bit(self.a.val().index() + 1);
    }
}

block!(Keyword { a: Signal<In, Bit>, buf: Signal<Out, Bit> });

impl Logic for Keyword {
    #[hdl_gen]
    fn update(&mut self) {
        self.buf.next = self.a.val();
    }
}

block!(Inner { a: Signal<In, Bit>, y: Signal<Out, Bit> });

impl Logic for Inner {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = !self.a.val();
    }
}

block!(Undriven { inner: Inner, y: Signal<Out, Bit> });

impl Logic for Undriven {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.inner.y.val();
    }
}

block!(ReadsBack { a: Signal<In, Bit>, inner: Inner, y: Signal<Out, Bit> });

impl Logic for ReadsBack {
    #[hdl_gen]
    fn update(&mut self) {
        self.inner.a.next = self.a.val();
        self.y.next = self.inner.a.val() ^ self.inner.y.val();
    }
}

block!(Gated { clock: Signal<In, Clk>, other: Signal<In, Clk>, a: Signal<In, Bit>, r: Reg<Bit>, y: Signal<Out, Bit> });

impl Logic for Gated {
    #[hdl_gen]
    fn update(&mut self) {
        self.r.clock.next = self.clock.val();
        if self.a.val() {
            self.r.clock.next = self.other.val();
        }
        self.r.d.next = self.a.val();
        self.y.next = self.r.q.val();
    }
}

block!(Constants { y: Signal<Out, U<4>> });

impl Logic for Constants {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = 3.into();
        self.y.next = 4.into();
    }
}

#[derive(Module)]
pub struct ConstGeneric<const K: usize> {
    pub a: [Signal<In, Bit>; 4],
    pub y: Signal<Out, Bit>,
    _activity: Activity,
}

impl<const K: usize> Logic for ConstGeneric<K> {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.a[K - 1].val();
    }
}

#[test]
fn what_cannot_be_said_is_refused() {
    assert_eq!(problem(&Latch::default()), Problem::NotAssigned("y".into()));
    assert_eq!(problem(&Early::default()), Problem::ReadBeforeWrite("t".into()));
    assert_eq!(problem(&PartOfStruct::default()), Problem::NotAssigned("y".into()));
    assert_eq!(problem(&WritesInput::default()), Problem::BadTarget("a".into(), "an input of the block"));
    assert_eq!(problem(&RustConst::default()), Problem::UnknownIdentifier("LIMIT".into()));
    assert_eq!(problem(&Wide::default()), Problem::LiteralTooWide { value: 16, bits: 4 });
    assert_eq!(problem(&AfterIndex::default()), Problem::Unsupported("arithmetic after .index()".into()));
    assert_eq!(problem(&Keyword::default()), Problem::BadPortName("buf".into()));
    let options = ExportOptions::default().rename_ports();
    let text = export_with(&Keyword::default(), "top", &options).expect("exported");
    assert!(text.contains(" buf_"), "{text}");
    for name in ["output", "a-b", "9lives", ""] {
        let error = export_with(&Keyword::default(), name, &options).expect_err("no name of a module");
        assert_eq!(error.problem, Problem::BadTopName(name.into()));
    }
    assert_eq!(problem(&Undriven::default()), Problem::NotAssigned("inner$a".into()));
    assert_eq!(problem(&ReadsBack::default()), Problem::ReadsChildInput("inner$a".into()));
    assert_eq!(problem(&Gated::default()), Problem::ClockExpression("r$clock".into()));
    assert_eq!(problem(&Constants::default()), Problem::NoSensitivity);
    let generic = ConstGeneric::<2> { a: Default::default(), y: Default::default(), _activity: Default::default() };
    let Problem::BadIndex(index, why) = problem(&generic) else { panic!("wrong problem") };
    assert_eq!(index, "K-1");
    assert!(why.contains("`K` is no loop variable"));
}

block!(Pair { a: Signal<In, Bit>, left: [Inner; 3], right: Inner, y: Signal<Out, Bit> });

impl Logic for Pair {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..3 {
            self.left[i].a.next = self.a.val();
        }
        self.right.a.next = self.left[2].y.val();
        self.y.next = self.right.y.val() ^ self.left[0].y.val() ^ self.left[1].y.val();
    }
}

#[test]
fn equal_blocks_share_a_module_and_the_text_is_stable() {
    let text = export(&Pair::default(), "pair").unwrap();
    assert_eq!(text, export(&Pair::default(), "pair").unwrap());
    let modules: Vec<&str> = text.lines().filter(|l| l.starts_with("module ")).collect();
    assert_eq!(modules, ["module pair (", "module pair_left ("]);
    assert!(text.starts_with("// pair: generated by peb-verilog "));
    assert!(!text.contains('$'));
}
