/// Cluster time follows an honest clock, whatever one voter's clock, or one leader, shows.
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
}
