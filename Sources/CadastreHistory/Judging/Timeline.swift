/// The operations in the order of their calls and answers, and which of them may come next.
struct Timeline {
    /// The calls and answers of what certainly happened, as a list.
    ///
    /// Operations are taken from it and put back, the last one taken first. The entry before all is
    /// the last number.
    private var following: [Int] = []
    private var preceding: [Int] = []
    /// Of each entry: which operation, and whether its answer came.
    private var entries: [(operation: Int, isAnswer: Bool)] = []
    private var callEntry: [Int]
    private var answerEntry: [Int]
    private var ends: [UInt64]
    private let begins: [UInt64]
    /// What may have happened, by its call; each of which is placed or not.
    private var uncertain: [Int] = []
    private var isPlaced: [Bool]
    /// Those that carry a sequence, ascending; all before `nextInChain` are placed.
    private var chain: [Int] = []
    private var chainPlace: [Int?]
    private var nextInChain = 0
    /// Changes that were answered with an index, ascending by it; all before `nextByIndex` are
    /// placed.
    private var changesByIndex: [Int] = []
    private var indexPlace: [Int?]
    private var nextByIndex = 0
    /// Of a question the index at which it was read.
    private let readIndex: [UInt64?]
    private let changeIndex: [UInt64?]

    init(_ operations: [Operation]) {
        let count = operations.count
        begins = operations.map(\.begin)
        ends = operations.map { $0.returnNanoseconds ?? .max }
        callEntry = Array(repeating: -1, count: count)
        answerEntry = Array(repeating: -1, count: count)
        isPlaced = Array(repeating: false, count: count)
        chainPlace = Array(repeating: nil, count: count)
        indexPlace = Array(repeating: nil, count: count)
        readIndex = operations.map { $0.isQuestion ? $0.index : nil }
        changeIndex = operations.map { $0.isQuestion ? nil : $0.index }
        var events: [(time: UInt64, isAnswer: Bool, operation: Int)] = []
        for (number, operation) in operations.enumerated() {
            if operation.isUnknown {
                uncertain.append(number)
            } else {
                events.append((operation.begin, false, number))
                events.append((operation.returnNanoseconds ?? .max, true, number))
            }
        }
        // Of what happens at one time, calls are first: so nothing is taken to be before what it
        // may have met.
        events.sort { one, other in
            guard one.time == other.time else { return one.time < other.time }
            guard one.isAnswer == other.isAnswer else { return other.isAnswer }
            return one.operation < other.operation
        }
        for (place, event) in events.enumerated() {
            entries.append((event.operation, event.isAnswer))
            following.append(place + 1)
            preceding.append(place == 0 ? events.count : place - 1)
            if event.isAnswer {
                answerEntry[event.operation] = place
            } else {
                callEntry[event.operation] = place
            }
        }
        following.append(events.isEmpty ? events.count : 0)
        preceding.append(events.isEmpty ? 0 : events.count - 1)
        let begins = begins
        uncertain.sort { (begins[$0], $0) < (begins[$1], $1) }
        order(operations)
    }

    private mutating func order(_ operations: [Operation]) {
        chain = operations.indices.filter { operations[$0].sequence != nil }
        chain.sort { one, other in
            (operations[one].sequence ?? 0, one) < (operations[other].sequence ?? 0, other)
        }
        for (place, operation) in chain.enumerated() { chainPlace[operation] = place }
        changesByIndex = operations.indices.filter { number in
            guard changeIndex[number] != nil, case .done = operations[number].outcome else {
                return false
            }
            return true
        }
        let indices = changeIndex
        changesByIndex.sort { (indices[$0] ?? 0, $0) < (indices[$1] ?? 0, $1) }
        for (place, operation) in changesByIndex.enumerated() { indexPlace[operation] = place }
    }

    // MARK: What may come next

    private var head: Int { entries.count }

    /// What certainly happened, is not placed, and was answered before all others of that kind.
    var firstToReturn: Int? {
        var entry = following[head]
        while entry != head {
            if entries[entry].isAnswer { return entries[entry].operation }
            entry = following[entry]
        }
        return nil
    }

    /// When the answer of an operation came.
    func end(of operation: Int) -> UInt64 { ends[operation] }

    /// The first of what was called before anything that is not placed was answered, for which this
    /// holds.
    func firstCandidate(_ fits: (Int) -> Bool) -> Int? {
        var entry = following[head]
        while entry != head, !entries[entry].isAnswer {
            if fits(entries[entry].operation) { return entries[entry].operation }
            entry = following[entry]
        }
        return nil
    }

    /// The same of what may have happened.
    func firstUncertain(_ fits: (Int) -> Bool) -> Int? {
        guard let blocker = firstToReturn else { return nil }
        for operation in uncertain {
            guard begins[operation] <= ends[blocker] else { return nil }
            if !isPlaced[operation], fits(operation) { return operation }
        }
        return nil
    }

    /// Whether nothing is missing that the answers say comes before.
    func isInOrder(_ operation: Int) -> Bool { missing(before: operation) == nil }

    /// Something that is not placed, though the answers say it comes before.
    func missing(before operation: Int) -> Int? {
        if let place = chainPlace[operation], place > nextInChain { return chain[nextInChain] }
        if let index = readIndex[operation], nextByIndex < changesByIndex.count {
            let change = changesByIndex[nextByIndex]
            if let other = changeIndex[change], other <= index { return change }
        }
        return nil
    }

    // MARK: Placing

    /// Places an operation.
    mutating func take(_ operation: Int) {
        isPlaced[operation] = true
        if chainPlace[operation] != nil { nextInChain += 1 }
        while nextByIndex < changesByIndex.count, isPlaced[changesByIndex[nextByIndex]] {
            nextByIndex += 1
        }
        guard callEntry[operation] >= 0 else { return }
        for entry in [callEntry[operation], answerEntry[operation]] {
            following[preceding[entry]] = following[entry]
            preceding[following[entry]] = preceding[entry]
        }
    }

    /// Takes back the operation that was placed last.
    mutating func putBack(_ operation: Int) {
        isPlaced[operation] = false
        if chainPlace[operation] != nil { nextInChain -= 1 }
        if let place = indexPlace[operation] { nextByIndex = min(nextByIndex, place) }
        guard callEntry[operation] >= 0 else { return }
        for entry in [answerEntry[operation], callEntry[operation]] {
            following[preceding[entry]] = entry
            preceding[following[entry]] = entry
        }
    }
}
