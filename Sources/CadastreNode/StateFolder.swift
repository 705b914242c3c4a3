internal import CadastreDisk
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// The state of a node at a start: opened as the last process left it, or, where that is no state of
/// this node, set aside and built anew from what the node has (Decisions/0013).
///
/// In this order, so that a stop at any moment leaves the old database or a new one with what fills it:
///
/// 1. What it will be filled from is there and verified; otherwise the database stays, and is used if
///    only the disk was at fault and all of it can be read after all.
/// 2. The database gets another name, and is kept until the next one is set aside.
/// 3. The mark that asked for it is taken away, or says that it was done.
/// 4. A new database is founded, and the snapshot, if there is one, takes its place. A start that
///    finds an empty one goes on from here (``StateFromSnapshot``).
struct StateFolder {
    /// The folder of the state.
    let directory: String
    let disk: any Disk
    let identity: StateMachineIdentity
    let settings: StateMachineSettings
    /// Where the log begins.
    let start: LogStart
    let store: SnapshotStore

    /// What a start makes of it.
    struct Opened {
        var stateMachine: StateMachine
        /// The state was older than the log's beginning, or no state, and was taken from a snapshot.
        var hasReplacedState = false
        /// The database was set aside.
        var isRebuilt = false
        /// A divergence that is not settled.
        var mark: StateMark?
        /// What an operator should know, in words.
        var notes: [String] = []
    }

    /// Opens the state, whatever it takes.
    ///
    /// - Throws: What keeps the node from starting; the database is where it was, then, but for what
    ///   an operation that failed half way had moved already, which is in the words.
    func open() throws(NodeError) -> Opened {
        let mark = try onDisk { () throws(DiskError) in try markFile.read() }
        if let mark {
            switch mark.stage {
            case .open, .unread: return try rebuild(because: mark)
            case .final: throw NodeError(.diverged, Self.finalAdvice(mark, markFile.path))
            case .rebuilt: break
            }
        }
        do throws(StateMachineError) {
            var opened = Opened(stateMachine: try openMachine(), mark: mark)
            opened.hasReplacedState = try fromSnapshot(mark).bring(
                opened.stateMachine,
                notes: &opened.notes
            )
            return opened
        } catch {
            guard let words = Self.reasonToRebuild(error) else { throw NodeError(error) }
            var cause =
                mark ?? StateMark(stage: error.isUnreadable ? .unread : .open, words: words)
            cause.words = words
            return try rebuild(because: cause)
        }
    }

    /// Opens the database, and once more where the disk did not give back what it held: what fails
    /// twice is a sector, and no accident.
    private func openMachine() throws(StateMachineError) -> StateMachine {
        do throws(StateMachineError) {
            return try stateMachine()
        } catch {
            guard error.isUnreadable else { throw error }
            return try stateMachine()
        }
    }

    private func stateMachine() throws(StateMachineError) -> StateMachine {
        try StateMachine.open(
            directory: directory,
            on: disk,
            identity: identity,
            settings: settings
        )
    }

    /// Why the database is none of this node's; nil where it may well be, or a newer program's.
    private static func reasonToRebuild(_ error: StateMachineError) -> String? {
        switch error {
        case .damaged(let words): "it is damaged (\(words))"
        case .foreign(let found):
            "it belongs to node \(found.node) of another cluster or life of a disk"
        case .terminal(let cause), .mustReapply(_, let cause):
            cause.isUnreadable ? "it cannot be read (\(cause))" : nil
        case .sqlite, .unreadableEntry, .diverged, .inUse, .unknownSchema, .unusableImage,
            .imageFailed:
            nil
        }
    }

    private func rebuild(because mark: StateMark) throws(NodeError) -> Opened {
        var notes: [String] = []
        do throws(StateMachineError) {
            let source = try fromSnapshot(mark).verified(notes: &notes)
            guard source != nil || start.position.index == .zero else {
                if let machine = try wholeAfterAll(mark) {
                    try settle(mark)
                    // An installation that failed after it had taken the file left the rest.
                    _ = try fromSnapshot(nil).bring(machine, notes: &notes)
                    return Opened(stateMachine: machine, notes: notes + [Self.wholeNote(mark)])
                }
                throw StateMachineError.damaged(Self.nothingToRebuildFrom(mark, start))
            }
            let aside = try StateMachine.setAside(directory: directory, on: disk)
            notes.insert(Self.note(mark, aside: aside, size: size(of: aside)), at: 0)
            try settle(mark)
            let machine = try stateMachine()
            if let source, source.applied.index > machine.applied.index {
                try machine.install(source)
            }
            // What cannot be removed now is at the next start, or before another one comes.
            try? store.removePartial()
            return Opened(
                stateMachine: machine,
                hasReplacedState: source != nil,
                isRebuilt: true,
                mark: mark.isOfDivergence ? Self.rebuilt(mark) : nil,
                notes: notes
            )
        } catch {
            if case .damaged(let words) = error { throw NodeError(.damaged, words) }
            throw NodeError(error)
        }
    }

    /// The database that the disk once failed to read and that has nothing to take its place, if all of
    /// it can be read and nothing is wrong with it; nil if not.
    ///
    /// Cost: reads the database twice, some seconds per million objects, and where that fails once more.
    private func wholeAfterAll(_ mark: StateMark) throws(StateMachineError) -> StateMachine? {
        guard mark.stage == .unread, !mark.isOfDivergence, try isThere else { return nil }
        if let machine = try whole() { return machine }
        return try whole()
    }

    /// The database, if all of it is what was written.
    private func whole() throws(StateMachineError) -> StateMachine? {
        do throws(StateMachineError) {
            let machine = try stateMachine()
            guard machine.applied.index >= start.position.index,
                try machine.integrityProblems().isEmpty
            else { return nil }
            try machine.beginVerification()
            while true {
                guard let found = try machine.continueVerification(maximumRows: 8_192) else {
                    continue
                }
                return found.difference == .zero && found.damage == nil ? machine : nil
            }
        } catch {
            guard Self.reasonToRebuild(error) != nil else { throw error }
            return nil
        }
    }

    /// Whether there is a database: opening would found one.
    private var isThere: Bool {
        get throws(StateMachineError) {
            do throws(DiskError) {
                return try disk.exists("\(directory)/\(StateMachine.fileName)")
            } catch {
                throw .terminal(SQLiteError("look for the database", error))
            }
        }
    }

    /// The database is set aside or found whole: once for a divergence, and no more.
    private func settle(_ mark: StateMark) throws(StateMachineError) {
        do throws(DiskError) {
            if mark.isOfDivergence {
                try markFile.write(Self.rebuilt(mark))
            } else {
                try markFile.remove()
            }
        } catch {
            throw .terminal(SQLiteError("settle the mark of the state", error))
        }
    }

    private static func rebuilt(_ mark: StateMark) -> StateMark {
        var mark = mark
        mark.stage = .rebuilt
        return mark
    }

    private func fromSnapshot(_ mark: StateMark?) -> StateFromSnapshot {
        StateFromSnapshot(
            start: start,
            store: store,
            disk: disk,
            identity: identity,
            settings: settings,
            doubtBehind: mark.flatMap { $0.isOfDivergence ? $0.lastEqual : nil }
        )
    }

    private var markFile: StateMarkFile { StateMarkFile(directory: directory, disk: disk) }

    private func size(of path: String?) -> Int? {
        guard let path else { return nil }
        do throws(DiskError) {
            let file = try disk.open(path, mode: .read)
            defer { file.close() }
            return try file.size()
        } catch {
            // Only told to people.
            return nil
        }
    }

    // MARK: Words

    private static func note(_ mark: StateMark, aside: String?, size: Int?) -> String {
        let place =
            aside.map { "\($0), \(size.map { "\($0) bytes" } ?? "of unknown size")" }
            ?? "nothing, since there was none"
        let origin = "from a snapshot and the log"
        let cause =
            mark.isOfDivergence && mark.stage == .open
            ? "THE STATE OF THIS NODE DIFFERED FROM THE LEADER'S (\(mark.words)); it is rebuilt "
                + "once, \(origin), and if it differs again this node stops for good"
            : "the state database is rebuilt \(origin): \(mark.words)"
        return "\(cause). What was there is kept as \(place), until another one is set aside: keep "
            + "it for the developers, or remove it"
    }

    private static func wholeNote(_ mark: StateMark) -> String {
        "the disk failed to read the state database (\(mark.words)), and there is nothing to rebuild "
            + "it from; now all of it can be read and nothing is wrong with it, so it is kept. Look at "
            + "the disk: what it failed to read once it may lose"
    }

    private static func nothingToRebuildFrom(_ mark: StateMark, _ start: LogStart) -> String {
        "the state database cannot be used: \(mark.words). It cannot be rebuilt either, since the "
            + "journal begins behind entry \(start.position) and no snapshot that this node made or "
            + "received and that reaches there can be used. It stays where it is. Take the whole folder "
            + "away and bring the node back with an empty one: `cadastred init --join`, then "
            + "`cadastre member replace`"
    }

    private static func finalAdvice(_ mark: StateMark, _ path: String) -> String {
        "the state of this node differed from the leader's, was rebuilt, and differed again from "
            + "entry \(mark.firstDifferent) on: no start helps (\(mark.words)). If the other nodes "
            + "agree, bring this one back with an empty folder: `cadastred init --join`, then "
            + "`cadastre member replace`. If the leader was alone with its state, do that to the "
            + "leader, and remove \(path) here to start this one"
    }

    private func onDisk<Result>(
        _ work: () throws(DiskError) -> Result
    ) throws(NodeError) -> Result {
        do throws(DiskError) { return try work() } catch {
            throw NodeError(.inputOutput, "\(error)")
        }
    }
}

extension StateMachineError {
    /// Whether the disk did not give back what the database held.
    fileprivate var isUnreadable: Bool {
        switch self {
        case .terminal(let cause), .mustReapply(_, let cause): cause.isUnreadable
        case .sqlite, .unreadableEntry, .diverged, .inUse, .foreign, .unknownSchema, .damaged,
            .unusableImage, .imageFailed:
            false
        }
    }
}
