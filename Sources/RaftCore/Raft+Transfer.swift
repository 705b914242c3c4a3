/// Handing leadership over (thesis §3.10): proposals stop, the successor catches up, and is told to
/// stand for election at once. Given up after an election timeout, see `tickLeader`.
extension Raft {
    /// Begins a hand-over, in place of one that is under way to another.
    ///
    /// Ignored unless this member leads and the target is another voter that keeps the state.
    mutating func transferLeadership(to target: NodeID, into effects: inout Effects) {
        guard target != id, configuration.member(target)?.role == .voter,
            var leadership = takeLeadership()
        else { return }
        defer { current = .leader(leadership) }
        if leadership.transfer?.target == target { return }
        leadership.transfer = Transfer(target: target)
        if let place = leadership.place(of: target) {
            sendEntries(to: place, &leadership, evenIfNone: false, into: &effects)
        }
        tellSuccessor(&leadership, into: &effects)
    }

    /// Tells the successor once its log is whole.
    func tellSuccessor(_ leadership: inout Leadership, into effects: inout Effects) {
        guard let transfer = leadership.transfer, !transfer.isTold,
            let place = leadership.place(of: transfer.target),
            leadership.progress[place].matchIndex == log.lastIndex
        else { return }
        leadership.transfer?.isTold = true
        sendAsLeader(.timeoutNow(TimeoutNow()), to: transfer.target, into: &effects)
    }
}
