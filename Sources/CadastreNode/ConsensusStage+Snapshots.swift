internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// When snapshots are made, what the log may then forget, and a peer's snapshot in their place
/// (Raft §7).
///
/// ```
/// enough was applied ─► apply stage: image ─► snapshot stage: file ─► built ─► compact
/// peer's offer ─► snapshot stage: fetch, verify, stage ─► staged ─► Raft ─► journal ─► apply: install
/// ```
extension ConsensusStage {
    /// What is known of the own snapshots.
    struct Snapshots: Sendable {
        /// The last entry that the newest one stands for; zero if there is none.
        private(set) var newest: LogIndex
        /// The same of the one before it, as far as this life of the process knows: from there on the
        /// log is kept, so that a peer that fetched the newest one finds what follows it.
        private(set) var previous: LogIndex = .zero
        /// What the entries cost that were applied since `newest`, in bytes.
        private(set) var costSince: Int
        /// One is being made.
        var isUnderWay = false
        /// Its image was read, and the apply stage is asked whether it was held until then.
        var isRead = false
        /// A snapshot of a peer stands for the log, and the state follows when no image of the old
        /// one is being read any more: both are files in one place.
        var isInstallAwaited = false
        /// What is installed when it durably stands for the log.
        var staged: VerifiedState?
        /// What the apply stage is installing.
        var installing: LogPosition?
        /// What was last given back.
        var compacted: LogIndex = .zero

        /// Whether a snapshot stands for the log, and not yet for the state that is applied through
        /// `applied`.
        func isReplacing(after applied: LogIndex) -> Bool {
            isInstallAwaited || installing.map { applied < $0.index } ?? false
        }

        /// What a start finds.
        ///
        /// - Parameters:
        ///   - newest: The last entry that the newest own one stands for; zero if there is none.
        ///   - base: Where the log begins: where that is behind it one is due at once, as after the
        ///     installation that put it there.
        ///   - headers: Of what was applied since.
        ///   - interval: What is due.
        init(
            newest: LogIndex,
            base: LogIndex,
            since headers: some Sequence<EntryHeader>,
            interval: Int
        ) {
            self.newest = newest
            costSince = headers.reduce(0) { $0 + Self.cost(of: $1) }
            if base > newest { costSince = max(costSince, interval) }
        }

        /// An entry is to be applied.
        mutating func grew(by header: EntryHeader) { costSince += Self.cost(of: header) }

        /// Its bytes; of a small one the memory of its header and its block on the disk count for
        /// more, and without a least cost a log of lone commands would keep millions of headers.
        private static func cost(of header: EntryHeader) -> Int { max(header.size, 1_024) }

        /// The image for a new one is being taken.
        mutating func begin() {
            isUnderWay = true
            costSince = 0
        }

        /// The state is that of a peer's snapshot, and none of the own ones stands for it: the next one
        /// is due, since without it nothing leads a peer, or this node's own state if that is lost,
        /// to where the log now begins.
        mutating func installed(due interval: Int) {
            installing = nil
            costSince = max(costSince, interval)
        }

        /// A witness has given back what it could.
        mutating func forgot() { costSince = 0 }

        /// A new one is on the disk.
        mutating func built(_ index: LogIndex) {
            guard index > newest else { return }
            previous = newest
            newest = index
        }
    }

    /// Looks at what the apply stage reports: an image to make a snapshot of, or time for one.
    mutating func tendSnapshots(_ report: AppliedReport, into output: inout ConsensusOutput) {
        durablyApplied = max(durablyApplied, report.durablyApplied)
        if let position = snapshots.installing, report.through >= position.index {
            snapshots.installed(due: settings.snapshotInterval)
            output.snapshots.append(.settled(position))
        }
        if let image = report.image {
            // A state that lost its first transaction is that of no entry: there is no configuration.
            if !snapshots.isInstallAwaited, let start = raft.logStart(at: image.applied),
                start.configuration != nil
            {
                output.snapshots.append(.build(image, start))
            } else {
                endSnapshot(into: &output)
            }
        } else if report.hasNoImage, snapshots.isUnderWay {
            endSnapshot(into: &output)
        }
        if let wasHeld = report.imageWasHeld, snapshots.isRead {
            snapshots.isRead = false
            output.snapshots.append(wasHeld ? .finish : .abandon(Self.wasWritten))
        }
        compact(into: &output)
        if isSnapshotDue { beginSnapshot(into: &output) }
    }

    /// Whether an interval is over, and nobody needs the newest snapshot any more.
    ///
    /// The next one takes its place: a peer that fetches for longer than an interval would never come
    /// to an end. For the slowest the log still does not grow beyond some intervals.
    private var isSnapshotDue: Bool {
        let intervals = snapshots.costSince / settings.snapshotInterval
        guard intervals >= 1 else { return false }
        guard intervals < Self.maximumIntervals else { return true }
        return !raft.peers.contains { peer in
            peer.state == .snapshotting && peer.silentTicks < settings.timing.minimumElectionTicks
        }
    }

    private static var wasWritten: String {
        "the write-ahead log had to be emptied before the database was copied"
    }

    /// So long a peer may take to fetch a snapshot before a newer one takes its place.
    private static var maximumIntervals: Int { 8 }

    /// The snapshot stage went on.
    mutating func snapshot(_ result: SnapshotResult, into output: inout ConsensusOutput) {
        switch result {
        case .read:
            // Whether the file was as it was all the time, the apply stage knows.
            snapshots.isRead = true
            output.apply.append(.endImage)
        case .built(let position):
            snapshots.built(position.index)
            endSnapshot(into: &output)
            compact(into: &output)
        case .notBuilt:
            // The next interval tries again; a peer that needs one asks again.
            endSnapshot(into: &output)
        case .staged(let start, let state):
            if start.position.index > raft.commitIndex {
                snapshots.staged = state
                step(.installSnapshot(start), into: &output)
                if raft.logBase == start.position { return }
                snapshots.staged = nil
            }
            // The log came by itself meanwhile, and holds that entry.
            output.snapshots.append(.settled(start.position))
        case .started(let start): begin(at: start, into: &output)
        case .settledOffer(let peer): step(.snapshotFailed(peer), into: &output)
        case .wanted: beginSnapshot(into: &output)
        }
    }

    /// A snapshot durably stands for the log: state and replies follow.
    mutating func installed(_ start: LogStart, into output: inout ConsensusOutput) {
        let index = start.position.index
        delivery.installed(through: index)
        guard !identity.isWitness else {
            appliedIndex = index
            return
        }
        // Whether they are in it cannot be seen.
        giveUpBlocks(...index, into: &output)
        snapshots.isInstallAwaited = true
        if snapshots.isUnderWay {
            output.snapshots.append(.abandon("a peer's snapshot takes the place of the state"))
        } else {
            installAwaited(into: &output)
        }
    }

    private mutating func installAwaited(into output: inout ConsensusOutput) {
        guard snapshots.isInstallAwaited else { return }
        guard let state = snapshots.staged else {
            preconditionFailure("a snapshot stands for the log, and its state is not at hand")
        }
        snapshots.isInstallAwaited = false
        snapshots.staged = nil
        snapshots.installing = state.applied
        output.apply.append(.install(state))
    }

    /// Nobody reads the image any more.
    private mutating func endSnapshot(into output: inout ConsensusOutput) {
        snapshots.isUnderWay = false
        output.apply.append(.endImage)
        installAwaited(into: &output)
    }

    private mutating func beginSnapshot(into output: inout ConsensusOutput) {
        guard !snapshots.isUnderWay, !snapshots.isInstallAwaited, !isDiskFull, !isSpaceLow
        else { return }
        snapshots.begin()
        output.apply.append(.beginImage)
    }

    /// Forgets what two snapshots stand for, as far as the state has durably applied it; where room is
    /// short, what one does: a peer that fetches it will need another one then.
    private mutating func compact(into output: inout ConsensusOutput) {
        let isShort = isSpaceLow || isDiskFull
        let index = min(isShort ? snapshots.newest : snapshots.previous, durablyApplied)
        guard index > snapshots.compacted else { return }
        snapshots.compacted = index
        step(.compact(through: index), into: &output)
        output.journal.append(.compact(group, through: index))
    }
}
