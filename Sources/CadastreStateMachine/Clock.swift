internal import CadastreProtocol

/// Cluster time: a hybrid clock that only a tick advances.
extension Applier {
    /// The next place in the cluster's order: unique, ascending with each change, and its upper 43
    /// bits are cluster time, or later by what the 20 bits of counter overflow.
    func nextSequence() -> UInt64 {
        let time = rows.system.clusterTime << StateLimits.sequenceCounterBits
        // Reached only by 2^62 changes: time itself is at most 2^42, so not through a clock.
        precondition(rows.system.sequence < UInt64(Int64.max), "the sequence is used up")
        rows.system.sequence = max(rows.system.sequence + 1, time)
        return rows.system.sequence
    }
}
