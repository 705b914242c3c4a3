/// Cluster time follows an honest clock, whatever one voter's clock, or one leader, shows, and goes on
/// without a minority that is silent.
package struct ClusterClock {
    /// What the age of a sample adds to it where clocks run at different speeds: milliseconds.
    private let slack: UInt64

    /// A sample may seem this much older or younger than it is.
    package init(slack: UInt64 = 5_000) { self.slack = slack }

    /// A Tick has advanced cluster time.
    ///
    /// - Parameters:
    ///   - time: Cluster time now.
    ///   - honest: What the wall clocks of the voters that never jumped show now.
    /// - Throws: If none of them has come so far: a clock ran away with the cluster, and retention
    ///   would end early.
    package func checks(_ time: UInt64, honest: [UInt64]) throws(Violation) {
        guard honest.isEmpty || honest.contains(where: { $0 + slack >= time }) else {
            throw Violation(
                .clusterTime,
                "cluster time is \(time), and no honest clock has come so far: \(honest)"
            )
        }
    }

    /// A majority has been well for longer than `patience`.
    ///
    /// - Parameters:
    ///   - time: Cluster time now.
    ///   - honest: What the wall clocks that never jumped show now.
    ///   - patience: In milliseconds of the fastest clock.
    /// - Throws: If all of them have gone further since: it stands still, and what should expire does
    ///   not.
    package func keepsUp(
        _ time: UInt64,
        honest: [UInt64],
        patience: UInt64
    ) throws(Violation) {
        guard let lowest = honest.min(), time + patience < lowest else { return }
        throw Violation(
            .clusterTime,
            "cluster time is \(time), and stands still: every honest clock was there "
                + "\(lowest - time) ms ago, \(patience) at most is right"
        )
    }
}
