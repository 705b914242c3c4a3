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

    /// Whether it leads for longer than so many ticks.
    func hasLed(for ticks: Int) -> Bool { leading > ticks }

    /// Whether it heard from a place in the last so many ticks.
    func hasHeard(_ place: Int, within ticks: Int) -> Bool { silence[place] <= ticks }
}
