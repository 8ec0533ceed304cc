//! A batch that is taken whole or not at all.

use crate::verdict::{Failure, Finding, Verdict};

/// Holds back every record of a batch while one is rejected, or could not be judged and so might be.
///
/// A record that its plugin faulted on holds nobody back: it is the plugin that is wrong, not the batch, and a
/// producer that had to send the others again because of it would do so for ever. It is quarantined as in any batch,
/// unless another is rejected: the producer sends all of them again then, and a dead letter would come beside.
pub fn whole_or_none(findings: &mut [Finding]) {
    let is_rejected = |finding: &Finding| matches!(finding, Finding::Verdict(Verdict::Reject(_)));
    let is_undecided = |finding: &Finding| matches!(finding, Finding::Failed(_));
    let hold = |findings: &mut [Finding], but: fn(&Finding) -> bool, failure| {
        findings.iter_mut().filter(|finding| !but(finding)).for_each(|held| *held = Finding::Failed(failure));
    };
    if findings.iter().any(is_rejected) {
        hold(findings, is_rejected, Failure::BatchRejected);
    } else if findings.iter().any(is_undecided) {
        hold(findings, is_undecided, Failure::BatchUndecided);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Fault, FaultKind, Violation};

    fn rejected() -> Finding {
        let violation = Violation {
            pointer: String::new(),
            code: "x".into(),
            message: String::new(),
            parameters: vec![],
        };
        Finding::Verdict(Verdict::Reject(vec![violation].into()))
    }

    fn discarded() -> Finding {
        Finding::Verdict(Verdict::Discard(String::new()))
    }

    fn faulted() -> Finding {
        Finding::Fault(Fault { kind: FaultKind::Trap, detail: String::new() })
    }

    fn held(mut findings: Vec<Finding>) -> Vec<Finding> {
        whole_or_none(&mut findings);
        findings
    }

    #[test]
    fn one_rejected_record_holds_back_all_others_whatever_they_are() {
        let back = Finding::Failed(Failure::BatchRejected);
        assert_eq!(
            held(vec![discarded(), rejected(), faulted(), Finding::Failed(Failure::JudgesBusy)]),
            [back.clone(), rejected(), back.clone(), back]
        );
    }

    #[test]
    fn a_record_that_could_not_be_judged_holds_back_the_others_for_another_try() {
        let busy = Finding::Failed(Failure::JudgesBusy);
        let back = Finding::Failed(Failure::BatchUndecided);
        assert_eq!(held(vec![discarded(), busy.clone(), faulted()]), [back.clone(), busy, back]);
    }

    #[test]
    fn a_faulted_record_holds_nobody_back() {
        assert_eq!(held(vec![discarded(), faulted()]), [discarded(), faulted()]);
    }
}
