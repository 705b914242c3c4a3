internal import CadastreProtocol
internal import RaftCore

/// The voters' wall clocks as a leader last heard them, for the Tick of cluster time.
///
/// Every peer message carries its sender's clock.
struct ClockSamples: Sendable {
    private struct Sample: Sendable {
        var node: NodeID
        var wall: UInt64
        var heardAt: UInt64
    }

    /// Ascending by node, each once.
    private var samples: [Sample] = []

    /// A sample older than this says nothing about a clock any more: 5 s in nanoseconds.
    private static let maximumAge: UInt64 = 5_000_000_000

    /// A peer's clock showed `wall` milliseconds when its message was composed.
    mutating func heard(_ node: NodeID, wall: UInt64, at moment: Moment) {
        let sample = Sample(node: node, wall: wall, heardAt: moment.monotonic)
        if let place = samples.firstIndex(where: { $0.node >= node }) {
            if samples[place].node == node {
                samples[place] = sample
            } else {
                samples.insert(sample, at: place)
            }
        } else {
            samples.append(sample)
        }
    }

    /// The node is gone, or its number belongs to another disk.
    mutating func forget(_ node: NodeID) { samples.removeAll { $0.node == node } }

    /// Fresh samples of these voters, each moved on by the time since it was heard; with this
    /// node's own clock.
    ///
    /// Nil while they are fewer than a majority.
    ///
    /// Clocks beyond what a command may hold are left out: such a Tick would be committed and then
    /// refused by every decoder.
    func tick(of voters: [NodeID], own: NodeID, at moment: Moment) -> Tick? {
        var fresh: [ClockSample] = []
        for voter in voters {
            if voter == own {
                guard moment.wall <= ProtocolLimits.maximumQuantity else { continue }
                fresh.append(ClockSample(node: own.value, wallMilliseconds: moment.wall))
                continue
            }
            guard let sample = samples.first(where: { $0.node == voter }) else { continue }
            guard moment.monotonic >= sample.heardAt else { continue }
            let age = moment.monotonic - sample.heardAt
            guard age <= Self.maximumAge else { continue }
            let (wall, overflow) = sample.wall.addingReportingOverflow(age / 1_000_000)
            guard !overflow, wall <= ProtocolLimits.maximumQuantity else { continue }
            fresh.append(ClockSample(node: voter.value, wallMilliseconds: wall))
        }
        return fresh.count > voters.count / 2 ? Tick(samples: fresh) : nil
    }
}
