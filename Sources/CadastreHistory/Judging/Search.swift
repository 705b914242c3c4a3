/// Looks for an order of operations that agrees with real time, with what the answers say about the
/// order, and with a model.
///
/// The search of Wing and Gong with the memory of Lowe ("Testing for linearizability", 2017): first
/// what needs no choice, then one choice after the other, and never the same set in the same state
/// twice. Three things make it quick on histories of a register that says its order:
///
/// - What changes nothing takes its place as soon as it fits: wherever else it could stand, it can
///   stand there too.
/// - Changes that carry a sequence stand in that order, and a question that carries an index stands
///   behind every change that was answered with that index or a lower one.
/// - A change of which nobody knows whether it happened is tried only right before something that
///   touches it and does not fit without it: any other place can be moved there, or left out. Where
///   everything touches everything, as under a quota, it is tried everywhere.
struct Search<Model: SequentialModel> {
    /// What came of it.
    enum Result {
        case found
        case none(Obstacle)
        case undecided
    }

    /// What stood in the way where the search got furthest.
    struct Obstacle {
        /// What could not be placed; a place in the given operations.
        var operation: Int
        /// When its answer came.
        var time: UInt64
        /// Why, for the end of a sentence.
        var reason: String
    }

    private struct Frame {
        var operation: Int
        /// The how-manieth choice this was; nil of what needed none.
        var choice: Int?
        var undo: Model.Undo?
        /// Of what may have happened: what did not fit before, one of which must come next.
        var misfits: [Int]?
    }

    /// What happened so far, and the state it led to.
    private struct Position: Hashable {
        var placed: Digest
        var state: Digest
    }

    /// More than this are not remembered: 32 bytes each.
    private static var maximumMemory: Int { 2_000_000 }

    private let operations: [Operation]
    private var model: Model
    private var timeline: Timeline
    private var frames: [Frame] = []
    /// From there nothing was found.
    private var dead: Set<Position> = []
    private var placed = Digest()
    private var obstacle: Obstacle?

    /// Looks for an order of these operations, none of which is merely given.
    init(_ operations: [Operation], _ model: Model) {
        self.operations = operations
        self.model = model
        timeline = Timeline(operations)
    }

    /// Looks, for at most as many steps as the budget has.
    mutating func run(_ budget: inout Budget) -> Result {
        var choice = 0
        while let blocker = timeline.firstToReturn {
            guard budget.take() else { return .undecided }
            if choice == 0 {
                if let free = freeMove() {
                    place(Frame(operation: free))
                    continue
                }
                if !dead.isEmpty, dead.contains(position) {
                    guard let next = stepBack() else { return .none(obstacle(blocker)) }
                    choice = next
                    continue
                }
            }
            if var frame = alternative(choice, &budget) {
                frame.undo = model.apply(operations[frame.operation])
                place(frame)
                choice = 0
                continue
            }
            note(blocker)
            if dead.count < Self.maximumMemory { dead.insert(position) }
            guard let next = stepBack() else { return .none(obstacle(blocker)) }
            choice = next
        }
        return .found
    }

    private func obstacle(_ blocker: Int) -> Obstacle {
        obstacle ?? Obstacle(operation: blocker, time: timeline.end(of: blocker), reason: "")
    }

    private var position: Position { Position(placed: placed, state: model.digest) }

    private mutating func place(_ frame: Frame) {
        timeline.take(frame.operation)
        placed.toggle(Digest(UInt64(frame.operation)))
        frames.append(frame)
    }

    /// Takes back through the last choice; returns the number of the next one there.
    private mutating func stepBack() -> Int? {
        while let frame = frames.popLast() {
            timeline.putBack(frame.operation)
            placed.toggle(Digest(UInt64(frame.operation)))
            if let undo = frame.undo { model.undo(undo) }
            if let choice = frame.choice { return choice + 1 }
        }
        return nil
    }

    /// Something that fits and changes nothing.
    private func freeMove() -> Int? {
        timeline.firstCandidate { operation in
            timeline.isInOrder(operation) && model.judge(operations[operation]) == .unchanged
        }
    }

    /// The choices in a fixed order: what must come and fits, then what may have happened.
    private func alternative(_ number: Int, _ budget: inout Budget) -> Frame? {
        var left = number
        var misfits: [Int] = []
        let expected = frames.last?.misfits
        let certain = timeline.firstCandidate { operation in
            guard timeline.isInOrder(operation) else { return false }
            switch model.judge(operations[operation]) {
            case .unchanged: return false
            case .impossible:
                misfits.append(operation)
                return false
            case .changing:
                guard expected?.contains(operation) ?? true else { return false }
                left -= 1
                return left < 0
            }
        }
        if let certain { return Frame(operation: certain, choice: number) }
        let uncertain = timeline.firstUncertain { operation in
            budget.count()
            guard timeline.isInOrder(operation), isOfUse(operation, for: misfits),
                model.judge(operations[operation]) == .changing
            else { return false }
            left -= 1
            return left < 0
        }
        guard let uncertain else { return nil }
        // What carries a sequence has happened.
        let isFree = model.isTangled || operations[uncertain].sequence != nil
        return Frame(operation: uncertain, choice: number, misfits: isFree ? nil : misfits)
    }

    /// Whether to try what may have happened, where these do not fit.
    private func isOfUse(_ number: Int, for misfits: [Int]) -> Bool {
        guard !model.isTangled else { return true }
        let operation = operations[number]
        if let last = frames.last, last.misfits != nil {
            let other = operations[last.operation]
            // Two that do not touch come in one order only, and nothing is overwritten unseen.
            guard model.touches(operation, other) else {
                return number > last.operation && helps(operation, misfits)
            }
            guard !model.overwrites(operation, other) else { return false }
        }
        return operation.sequence != nil || helps(operation, misfits)
    }

    private func helps(_ operation: Operation, _ misfits: [Int]) -> Bool {
        misfits.contains { model.touches(operation, operations[$0]) }
    }

    /// Remembers where the search got furthest.
    private mutating func note(_ blocker: Int) {
        let time = timeline.end(of: blocker)
        guard obstacle.map({ $0.time < time }) ?? true else { return }
        let reason: String
        if let other = timeline.missing(before: blocker) {
            reason =
                "by what the answers say of the order it comes behind "
                + "\(operations[other].words), which cannot be placed before it"
        } else {
            reason = "there, \(model.state(for: operations[blocker]))"
        }
        obstacle = Obstacle(operation: blocker, time: time, reason: reason)
    }
}
