//! Definite assignment: no latches, no reads of what has no value yet.

use crate::error::Problem;
use crate::expr::Expr;
use crate::lower::{Role, Stmt, Var};

/// Which bits of each signal have been assigned.
type Assigned = Vec<Vec<bool>>;

/// Checks that every output, every child input and every variable that is used is assigned on every path, and
/// read only after.
pub fn definite_assignment(vars: &[Var], block: &[Stmt]) -> Result<(), Problem> {
    let mut checker = Checker { vars, touched: vec![false; vars.len()] };
    let mut assigned: Assigned = vars.iter().map(|v| vec![false; v.bits]).collect();
    checker.block(block, &mut assigned)?;
    for (id, var) in vars.iter().enumerate() {
        let must = match var.role {
            Role::Output | Role::ChildInput => true,
            Role::Local => checker.touched[id],
            _ => false,
        };
        if must && assigned[id].contains(&false) {
            return Err(Problem::NotAssigned(var.key.clone()));
        }
    }
    Ok(())
}

struct Checker<'a> {
    vars: &'a [Var],
    touched: Vec<bool>,
}

impl Checker<'_> {
    fn block(&mut self, block: &[Stmt], assigned: &mut Assigned) -> Result<(), Problem> {
        block.iter().try_for_each(|statement| self.statement(statement, assigned))
    }

    fn statement(&mut self, statement: &Stmt, assigned: &mut Assigned) -> Result<(), Problem> {
        match statement {
            Stmt::Comment(_) => {}
            Stmt::Assign { var, offset, rhs } => {
                self.read(rhs, assigned)?;
                self.touched[*var] = true;
                assigned[*var][*offset..offset + rhs.bits].fill(true);
            }
            Stmt::If(test, then, other) => {
                self.read(test, assigned)?;
                let mut on_else = assigned.clone();
                self.block(then, assigned)?;
                self.block(other, &mut on_else)?;
                meet(assigned, &on_else);
            }
            Stmt::Case(test, arms, rest) => {
                self.read(test, assigned)?;
                let before = assigned.clone();
                self.block(rest, assigned)?;
                for (_, arm) in arms {
                    let mut on_arm = before.clone();
                    self.block(arm, &mut on_arm)?;
                    meet(assigned, &on_arm);
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, e: &Expr, assigned: &Assigned) -> Result<(), Problem> {
        let mut problem = None;
        e.reads(&mut |id, bits| {
            let variable = matches!(self.vars[id].role, Role::Output | Role::Local);
            if variable && assigned[id][bits].contains(&false) {
                problem.get_or_insert(Problem::ReadBeforeWrite(self.vars[id].key.clone()));
            }
        });
        problem.map_or(Ok(()), Err)
    }
}

/// Keeps what both paths have assigned.
fn meet(a: &mut Assigned, b: &Assigned) {
    for (a, b) in a.iter_mut().zip(b) {
        a.iter_mut().zip(b).for_each(|(a, b)| *a &= b);
    }
}
