/// Time as the algorithm counts it, in ticks of the node's choosing (10 ms by default).
public struct Timing: Hashable, Sendable {
    /// A leader sends a heartbeat this often.
    public var heartbeatTicks: Int
    /// The shortest silence of a leader after which a follower stands for election.
    public var minimumElectionTicks: Int
    /// The longest; each wait is drawn between the two.
    public var maximumElectionTicks: Int

    /// Composes the settings.
    ///
    /// `heartbeatTicks` ≥ 1; `minimumElectionTicks` ≥ 3 heartbeats; `maximumElectionTicks` >
    /// `minimumElectionTicks`.
    public init(heartbeatTicks: Int, minimumElectionTicks: Int, maximumElectionTicks: Int) {
        precondition(heartbeatTicks >= 1, "a heartbeat takes at least one tick")
        precondition(
            minimumElectionTicks >= 3 * heartbeatTicks,
            "an election timeout of \(minimumElectionTicks) ticks leaves no room for three heartbeats of \(heartbeatTicks)"
        )
        precondition(
            maximumElectionTicks > minimumElectionTicks,
            "election timeouts must be drawn from a range"
        )
        self.heartbeatTicks = heartbeatTicks
        self.minimumElectionTicks = minimumElectionTicks
        self.maximumElectionTicks = maximumElectionTicks
    }

    /// 50 ms and 300–600 ms at 10 ms a tick: French round trips are 3–20 ms.
    public static let standard = Timing(
        heartbeatTicks: 5,
        minimumElectionTicks: 30,
        maximumElectionTicks: 60
    )
}
