package import CadastreDisk
internal import CadastreProtocol
internal import CadastreStateMachine
package import CadastreStorage
internal import DequeModule
package import RaftCore

/// The stage that moves snapshots: from the state's image to files, from files to peers, from peers
/// to a state that can be installed.
///
/// Everything here is large and nobody waits for it, so it has a thread of its own, a rate on the
/// network, and a bounded step of each job in a turn. It decides nothing: when a snapshot is made,
/// who needs one and whether one is installed, the consensus stage says.
package final class SnapshotStage {
    let store: SnapshotStore
    let disk: any Disk
    let identity: NodeIdentity
    let group: GroupID
    let settings: NodeSettings
    /// The snapshot that is being made.
    var building: Building?
    /// The snapshot that is being fetched.
    var fetching: Fetching?
    /// The snapshot that was fetched and is being verified.
    var staging: Staging?
    /// What peers were offered and have not settled, ascending by peer.
    var offers: [Offer] = []
    /// What peers asked for, in the order of asking.
    var questions: Deque<Question> = []
    var limit: RateLimit
    /// The state is at least here: what is older is of no use.
    var settledThrough: LogIndex
    /// Reading again what was written long ago; nil if that is not wanted.
    var scrub: Scrub?
    /// What was done since the start.
    package internal(set) var statistics = SnapshotStatistics()

    /// A snapshot being made, chunk by chunk.
    struct Building {
        var builder: SnapshotBuilder
        var position: LogPosition
        var isRead = false
    }

    /// A piece that a peer asked for.
    struct Question {
        var peer: NodeID
        var snapshot: SnapshotName
        /// Of the chunk; nil for the manifest.
        var number: UInt32?
    }

    /// A stage over an open store.
    ///
    /// - Parameters:
    ///   - store: The snapshots of this node.
    ///   - disk: Where they are.
    ///   - identity: Who this node is.
    ///   - group: Of which log.
    ///   - settings: Bounds and rates.
    ///   - applied: What the state has applied.
    ///   - journal: The journal's directory, to be read again now and then; nil if it is not to be.
    package init(
        store: SnapshotStore,
        disk: any Disk,
        identity: NodeIdentity,
        group: GroupID,
        settings: NodeSettings,
        applied: LogIndex,
        journal: String? = nil
    ) {
        self.store = store
        self.disk = disk
        self.identity = identity
        self.group = group
        self.settings = settings
        limit = RateLimit(rate: settings.snapshotRate)
        settledThrough = applied
        if let journal, settings.scrubInterval > 0 {
            scrub = Scrub(
                journal: JournalScrub(directory: journal, on: disk, cluster: identity.cluster),
                interval: settings.scrubInterval,
                limit: RateLimit(rate: settings.scrubRate)
            )
        }
    }

    /// Takes what happened, then does a step of each job.
    ///
    /// - Parameters:
    ///   - events: Emptied.
    ///   - moment: Never earlier than in the turn before.
    ///   - output: Gets what the host is to do.
    package func turn(
        _ events: inout [SnapshotEvent],
        at moment: Moment,
        into output: inout SnapshotOutput
    ) {
        let now = moment.monotonic
        for event in events {
            switch event {
            case .request(let request): take(request, at: now, into: &output)
            case .received(let peer, let group, let bytes):
                received(bytes, from: peer, group, at: now, into: &output)
            case .resume: break
            }
        }
        events.removeAll(keepingCapacity: true)
        build(into: &output)
        stage(into: &output)
        answer(at: now, into: &output)
        tendFetch(at: now, into: &output)
        tendOffers(at: now, into: &output)
        scrub(at: moment, into: &output)
        count(at: now)
        output.hasMore = building?.isRead == false || staging?.isUnderWay == true || isReading
        output.isWaiting =
            !questions.isEmpty || fetching != nil || !offers.isEmpty || scrub?.isUnderWay == true
        output.isDue = scrub != nil
    }

    private func take(
        _ request: SnapshotRequest,
        at now: UInt64,
        into output: inout SnapshotOutput
    ) {
        switch request {
        case .build(let image, let start): beginBuilding(image, start, into: &output)
        case .finish: finishBuilding(into: &output)
        case .abandon(let reason): abandonBuilding(reason, into: &output)
        case .offer(let peer, let least): offer(to: peer, atLeast: least, at: now, into: &output)
        case .settled(let position): settle(position, into: &output)
        }
    }

    /// Says something about a snapshot to a peer.
    func send(
        _ message: SnapshotMessage,
        to peer: NodeID,
        into output: inout SnapshotOutput
    ) {
        output.frames.append(
            PeerFrame(
                to: peer,
                group: group,
                kind: .snapshot,
                bytes: message.encode(),
                isUrgent: false
            )
        )
    }
}
