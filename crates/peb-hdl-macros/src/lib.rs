//! Derives that make a rust-hdl struct a node of the single-threaded cycle engine in `peb-hdl`.
//!
//! * `#[derive(Module)]` on a block: implements rust-hdl's `Block` (so that every rust-hdl visitor still
//!   works), `peb_hdl::Inputs`, `peb_hdl::Blank` and `peb_hdl::Node`, which evaluates the block only when an input or one of its registers changed.
//! * `#[derive(Interface)]` beside rust-hdl's `#[derive(LogicInterface)]`: implements `peb_hdl::Node` and `peb_hdl::Stir`.
//!
//! Fields whose names start with `_` are no hardware, as in rust-hdl; `Blank` fills them too.

use proc_macro::TokenStream;
use quote::quote;
use syn::{parse_macro_input, Data, DeriveInput, Error, Ident, Result, Type};

/// See the crate's documentation. The block must have a field `_activity: Activity`.
#[proc_macro_derive(Module)]
pub fn derive_module(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    module(&input).unwrap_or_else(|e| e.to_compile_error()).into()
}

/// See the crate's documentation.
#[proc_macro_derive(Interface)]
pub fn derive_interface(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    interface(&input).unwrap_or_else(|e| e.to_compile_error()).into()
}

/// The fields of a struct.
struct Fields<'a> {
    /// Those that are hardware.
    hardware: Vec<&'a Ident>,
    all: Vec<(&'a Ident, &'a Type)>,
}

fn fields(input: &DeriveInput) -> Result<Fields<'_>> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "only a struct can be hardware"));
    };
    let mut fields = Fields { hardware: vec![], all: vec![] };
    for field in &data.fields {
        let Some(name) = &field.ident else {
            return Err(Error::new_spanned(field, "hardware fields need names"));
        };
        fields.all.push((name, &field.ty));
        if !name.to_string().starts_with('_') {
            fields.hardware.push(name);
        }
    }
    Ok(fields)
}

/// What a field of this type is in a blank block.
fn start(ty: &Type) -> proc_macro2::TokenStream {
    match ty {
        Type::Array(array) => {
            let element = start(&array.elem);
            quote!(::std::array::from_fn(|_| #element))
        }
        _ => quote!(::peb_hdl::Start(::std::marker::PhantomData::<#ty>).start()),
    }
}

fn module(input: &DeriveInput) -> Result<proc_macro2::TokenStream> {
    let Fields { hardware: fields, all } = fields(input)?;
    if all.iter().all(|(name, _)| *name != "_activity") {
        return Err(Error::new_spanned(&input.ident, "a module needs a field `_activity: Activity`"));
    }
    let name = &input.ident;
    let names: Vec<String> = fields.iter().map(|f| f.to_string()).collect();
    let starts = all.iter().map(|(name, ty)| {
        let start = start(ty);
        quote!(#name: #start)
    });
    let (generics, types, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        impl #generics ::peb_hdl::rust_hdl::prelude::block::Block for #name #types #bounds {
            fn connect_all(&mut self) {
                ::peb_hdl::rust_hdl::prelude::logic::Logic::connect(self);
                #(self.#fields.connect_all();)*
            }
            fn update_all(&mut self) {
                ::peb_hdl::Node::settle(self);
            }
            fn has_changed(&self) -> bool {
                false
            }
            fn accept(&self, name: &str, probe: &mut dyn ::peb_hdl::rust_hdl::prelude::probe::Probe) {
                probe.visit_start_scope(name, self);
                #(self.#fields.accept(#names, probe);)*
                probe.visit_end_scope(name, self);
            }
        }
        impl #generics ::peb_hdl::Blank for #name #types #bounds {
            #[inline]
            fn blank() -> Self {
                #[allow(unused_imports)]
                use ::peb_hdl::{BlankField, DefaultField};
                #name { #(#starts),* }
            }
        }
        impl #generics ::peb_hdl::Inputs for #name #types #bounds {
            fn stir_inputs(&mut self, draw: &mut ::peb_hdl::Draw) {
                #[allow(unused_imports)]
                use ::peb_hdl::{InputField, OtherField};
                #((::peb_hdl::Field(&mut self.#fields)).stir_field(draw);)*
            }
        }
        impl #generics ::peb_hdl::Node for #name #types #bounds {
            fn settle(&mut self) -> bool {
                let mut dirty = self._activity.take_stale();
                #(dirty |= ::peb_hdl::Node::latch(&mut self.#fields);)*
                if !dirty {
                    return false;
                }
                self._activity.evaluated();
                for _ in 0..::peb_hdl::MAX_PASSES {
                    ::peb_hdl::rust_hdl::prelude::logic::Logic::update(self);
                    let mut again = false;
                    #(again |= ::peb_hdl::Node::settle(&mut self.#fields);)*
                    if !again {
                        let mut changed = false;
                        #(changed |= ::peb_hdl::Node::publish(&mut self.#fields);)*
                        return changed;
                    }
                }
                panic!("combinational loop: {} does not settle", stringify!(#name));
            }
            fn tick(&mut self, clock: ::peb_hdl::Clk) -> bool {
                if !self._activity.is_live(clock) {
                    return false;
                }
                let mut changed = false;
                #(changed |= ::peb_hdl::Node::tick(&mut self.#fields, clock);)*
                self._activity.ticked(clock, changed);
                changed
            }
        }
    })
}

fn interface(input: &DeriveInput) -> Result<proc_macro2::TokenStream> {
    let fields = fields(input)?.hardware;
    let name = &input.ident;
    let (generics, types, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        impl #generics ::peb_hdl::Stir for #name #types #bounds {
            fn stir(&mut self, draw: &mut ::peb_hdl::Draw) {
                #[allow(unused_imports)]
                use ::peb_hdl::{InputField, OtherField};
                #((::peb_hdl::Field(&mut self.#fields)).stir_field(draw);)*
            }
        }
        impl #generics ::peb_hdl::Node for #name #types #bounds {
            fn latch(&mut self) -> bool {
                let mut changed = false;
                #(changed |= ::peb_hdl::Node::latch(&mut self.#fields);)*
                changed
            }
            fn publish(&mut self) -> bool {
                let mut changed = false;
                #(changed |= ::peb_hdl::Node::publish(&mut self.#fields);)*
                changed
            }
        }
    })
}
