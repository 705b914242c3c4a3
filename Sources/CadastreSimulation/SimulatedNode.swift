internal import CadastreDisk
internal import CadastreNode
internal import CadastreStorage
internal import RaftCore

/// The stages of a node, as the scheduler knows them.
enum Stage: Int, CaseIterable {
    case consensus, journal, apply, snapshot
}

/// One node of a world: a disk that outlives everything, and the product's stages while the process
/// lives.
///
/// The world runs one turn of one stage at a time.
final class SimulatedNode {
    /// Its number in the cluster; 1 for the node at place 0.
    let id: NodeID
    /// Its place in the world's arrays.
    let place: Int
    /// What survives.
    private(set) var disk: SimulatedDisk
    /// The same disk, watched.
    private(set) var watched: WatchedDisk
    /// Which life of its disk.
    var incarnation = Incarnation(high: 0, low: 0)
    /// The disk that was lost last; while that one is back, the one whose place it took.
    private(set) var lost: LostDisk?
    /// A disk that was lost and replaced is back in its machine.
    private(set) var hasOldDisk = false
    /// Its clock, in thousandths of true time.
    let clockRate: UInt64
    /// What the wall clock showed at the beginning of time, in milliseconds.
    let wallStart: UInt64
    /// By how much the wall clock has jumped since, in milliseconds.
    var wallJump: Int64 = 0

    /// Grows with every end; what was planned for an earlier life does not happen.
    var life = 0
    /// The stages, while the process lives.
    var consensus: ConsensusStage?
    /// As `consensus`.
    var journal: JournalStage?
    /// As `consensus`.
    var apply: ApplyStage?
    /// As `consensus`.
    var snapshot: SnapshotStage?
    /// As `consensus`.
    var lock: (any DiskLock)?

    /// Its journal has rotted, and is not whole yet.
    var rotten: RottenJournal?
    /// Its state was overwritten or set aside, and no start since has come to its end.
    var isStateOverwritten = false
    /// Its database was set aside, and the new one holds not even one page.
    var hasStateAside: Bool {
        let database = "\(Self.folder)/state/state.sqlite"
        return disk.paths.contains { $0.hasPrefix(database) && $0.hasSuffix(".aside") }
            && disk.contents(database)?.count ?? 0 < 4_096
    }
    /// What mends its journal, while that process lives.
    var mending: DamagedNode?
    /// What peers sent to that one.
    var repairInbox: [RepairEvent] = []

    /// From whom it has heard in this life.
    var contact: QuorumContact
    /// What waits for each stage.
    var consensusInbox: [ConsensusEvent] = []
    /// What waits for each stage.
    var journalInbox: [JournalEvent] = []
    /// What waits for each stage.
    var applyInbox: [ApplyEvent] = []
    /// What waits for each stage.
    var snapshotInbox: [SnapshotEvent] = []
    /// The snapshot stage waits for time to go by.
    var isSnapshotWaiting = false
    /// Somebody waits for the apply stage, whatever else comes.
    var isApplyWaiting = false
    /// When the apply stage last had a turn.
    var lastApplyTurn: UInt64 = 0
    /// A turn of the stage is planned or its result is on its way.
    var isBusy = [Bool](repeating: false, count: Stage.allCases.count)
    /// The process stands still until then.
    var pausedUntil: UInt64 = 0
    /// Syncs are slow until then.
    var slowUntil: UInt64 = 0
    /// What comes in the middle of its next start, if anything.
    var interruption: StartInterruption?
    /// Faults of its disk that were made use of as an excuse.
    var excusedFaults = 0
    /// Faults of its disk that were counted.
    var markedFailures = 0
    /// To which peers it was told that a connection stands, in this life.
    var isConnected: [Bool]

    /// With whom it speaks, while the process lives.
    var roster: MemberRoster?
    /// Whom it follows, or itself, or none.
    var leader = NodeID.none
    /// Whom it has let in, by their disks.
    var acquaintances: [Incarnation?]
    /// The newest configuration in its log, as the simulation saw it go there.
    var inForce: World.LoggedConfiguration?
    /// That is another one than before the present turn.
    var hasNewConfiguration = false
    /// The configurations under which it may commit something in the present turn.
    var rules: [Configuration] = []

    /// The log as it was handed to the journal: what Raft has in memory.
    var log = LogView()
    /// Through here it holds no entries any more.
    var base: LogIndex = .zero
    /// One of its snapshots rotted once.
    var hasRottenSnapshots = false
    /// Turns of its journal in which a snapshot took the place of its log, since all was mended.
    var installsWhileHealing = 0
    /// What was handed to the journal and not yet synced, in this order.
    var unsynced: [JournalWrite] = []
    /// The newest commit index seen in this life.
    var commitIndex: LogIndex = .zero
    /// The newest role seen in this life.
    var role: RoleName = .follower
    /// The newest term seen in this life.
    var term: Term = .zero
    /// Cluster time as last applied.
    var clusterTime: UInt64 = 0
    /// Its disk is an empty one, and no process has run on it yet: whoever sees to a new disk sees to
    /// it that there is room.
    var isNew = false
    /// The last end left what was not synced in the machine's memory.
    var wasKilled = false

    /// A machine that is not running yet.
    init(place: Int, of nodes: Int, seed: UInt64, clockRate: UInt64, wallStart: UInt64) {
        id = NodeID(UInt64(place + 1))
        self.place = place
        disk = SimulatedDisk(seed: seed)
        watched = WatchedDisk(disk, watching: "\(Self.folder)/journal")
        self.clockRate = clockRate
        self.wallStart = wallStart
        isConnected = Array(repeating: false, count: nodes)
        contact = QuorumContact(nodes: nodes)
        acquaintances = Array(repeating: nil, count: nodes)
    }

    /// The disk is lost, and an empty one takes its place.
    func takeEmptyDisk(seed: UInt64, incarnation: Incarnation) {
        lost = LostDisk(
            disk: disk,
            watched: watched,
            incarnation: self.incarnation,
            log: log,
            unsynced: unsynced,
            term: term
        )
        hasOldDisk = false
        disk = SimulatedDisk(seed: seed)
        watched = WatchedDisk(disk, watching: "\(Self.folder)/journal")
        self.incarnation = incarnation
        log = LogView()
        unsynced = []
        excusedFaults = 0
        markedFailures = 0
        term = .zero
        clusterTime = 0
        wasKilled = false
        interruption = nil
        rotten = nil
        isStateOverwritten = false
        isNew = true
    }

    /// The disk that was lost last takes the place of the one that is there; or the other way round.
    func exchangeDisks() {
        guard let other = lost else { return }
        lost = LostDisk(
            disk: disk,
            watched: watched,
            incarnation: incarnation,
            log: log,
            unsynced: unsynced,
            term: term
        )
        hasOldDisk.toggle()
        disk = other.disk
        watched = other.watched
        incarnation = other.incarnation
        log = other.log
        unsynced = other.unsynced
        term = other.term
        clusterTime = 0
        // Its machine was off meanwhile, and whoever puts it back sees to it that there is room.
        disk.crash()
        disk.capacity = nil
        disk.forgetFaults()
        excusedFaults = disk.failures.count
        markedFailures = disk.failures.count
        interruption = nil
    }

    /// A disk that is not in its machine, as its last crash has left it.
    struct LostDisk {
        var disk: SimulatedDisk
        var watched: WatchedDisk
        var incarnation: Incarnation
        var log: LogView
        var unsynced: [JournalWrite]
        var term: Term
    }

    /// Where its files are, on its own disk.
    static let folder = "/node"

    /// Whether the process lives.
    var isUp: Bool { consensus != nil }

    /// Whether a process hears others: the node's, or the one that mends its journal.
    var isListening: Bool { isUp || mending != nil }

    /// What its clocks show.
    func moment(at now: UInt64) -> Moment {
        let own = now / 1_000 * clockRate
        let wall = Int64(wallStart + own / Span.millisecond) + wallJump
        return Moment(monotonic: own, wall: UInt64(max(0, wall)))
    }

    /// When its monotonic clock shows this, in true time.
    func trueTime(of monotonic: UInt64) -> UInt64 { (monotonic / clockRate + 1) * 1_000 }

    /// Takes a disk's fault that came and was not yet an excuse, if there is one.
    func takeExcuse() -> Bool {
        guard disk.failures.count > excusedFaults else { return false }
        excusedFaults = disk.failures.count
        return true
    }

    /// The process is gone.
    func stop() {
        life += 1
        consensus = nil
        journal = nil
        apply = nil
        snapshot = nil
        lock?.release()
        lock = nil
        mending?.repair.close()
        mending?.lock.release()
        mending = nil
        consensusInbox.removeAll()
        journalInbox.removeAll()
        applyInbox.removeAll()
        snapshotInbox.removeAll()
        repairInbox.removeAll()
        isSnapshotWaiting = false
        isBusy = Array(repeating: false, count: Stage.allCases.count)
        isConnected = Array(repeating: false, count: isConnected.count)
        pausedUntil = 0
        role = .follower
        commitIndex = .zero
        roster = nil
        leader = .none
        acquaintances = Array(repeating: nil, count: acquaintances.count)
        inForce = nil
        hasNewConfiguration = false
        rules = []
        contact = QuorumContact(nodes: isConnected.count)
    }
}
