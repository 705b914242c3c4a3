internal import RaftCore

/// From whom a node has heard, counted in its own ticks.
///
/// Who leads and hears no quorum has to stop (thesis §6.2): another node may lead by then, and clients
/// wait where nothing can be committed.
struct QuorumContact {
    /// Ticks since anything came from the node at each place.
    private var silence: [Int]
    /// Ticks since it began to lead; 0 where it does not.
    private var leading = 0

    /// Of a node that begins.
    init(nodes: Int) { silence = Array(repeating: 0, count: nodes) }

    /// A message came.
    mutating func hears(from place: Int) { silence[place] = 0 }

    /// A tick went by.
    mutating func ticks(isLeading: Bool) {
        for place in silence.indices { silence[place] += 1 }
        leading = isLeading ? leading + 1 : 0
    }

    /// Whether it leads for longer than this and heard no majority of these voters meanwhile; it
    /// hears itself.
    func isLost(of voters: [Int], at own: Int, for ticks: Int) -> Bool {
        guard leading > ticks, !voters.isEmpty else { return false }
        let heard = voters.count { $0 == own || silence[$0] <= ticks }
        return heard < voters.count / 2 + 1
    }
}
