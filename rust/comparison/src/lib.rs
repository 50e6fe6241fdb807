// SPDX-License-Identifier: Apache-2.0

//! The programs are in bin/; here is the page about the library, whose code is run
//! with the tests.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/rust.md")]
mod page {}
