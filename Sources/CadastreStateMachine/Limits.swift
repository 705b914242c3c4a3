/// Every bound of the state, with its reason.
///
/// All nodes must agree on them: a change needs a feature level.
package enum StateLimits {
    /// Tenants, all of which are in memory on every node.
    package static let maximumTenants = 100_000
    /// Services granted on one tenant.
    package static let maximumGrantsPerTenant = 256
    /// Buckets of one tenant where its quota does not say less.
    package static let maximumBucketsPerTenant: UInt64 = 1_000_000
    /// Open sessions, all of which are in memory on every node.
    package static let maximumSessions = 16_384
    /// Open sessions of one ``SessionHolder``, so that none takes them all.
    package static let maximumSessionsPerHolder = 1_024
    /// Open sessions that only operators may take: whatever services and tenants do, somebody can
    /// come in and put an end to it.
    package static let sessionsForOperators = 1_024
    /// A session that was silent for 24 h of cluster time may be closed: so long a client can ask
    /// for the definite outcome of a request.
    package static let sessionSilenceMilliseconds: UInt64 = 24 * 3_600_000
    /// The time of a session is kept only as exactly as this, so that not every tick makes every
    /// session's row a changed one; the silence allowed is longer by as much.
    package static let sessionTimeStepMilliseconds: UInt64 = 60_000
    /// Sessions that one tick closes: bounds the time of applying it.
    package static let sessionsClosedPerTick = 16
    /// What one tick may add to cluster time.
    ///
    /// Ticks come every two seconds at least, so an honest cluster meets it only after a standstill,
    /// and makes good for that in ticks that come faster; a quorum of clocks that jump years ahead
    /// gains 10 s a tick, which someone will notice, and releases no retention at once.
    package static let maximumTickMilliseconds: UInt64 = 10_000
    /// Cluster time goes until the year 2109, and a tick beyond is refused.
    ///
    /// A sequence has 43 bits for it, half of which this leaves: at the end of time there still are
    /// 2^62 sequences, so changes go on, and no clock can bring a log whose entries cannot be
    /// applied.
    package static let maximumClusterTime: UInt64 = 1 << 42
    /// The bits of a sequence below the time.
    package static let sequenceCounterBits: UInt64 = 20
}
