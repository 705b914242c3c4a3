import Testing

@testable import CadastreHistory

/// Random histories of a real register: as they are, and falsified, against a checker that tries
/// every order.
@Suite
struct RandomHistoryTests {
    /// Numbers from a seed (SplitMix64).
    struct Numbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    /// What one register or bucket of two keys holds, written down once more, in the plainest way.
    struct PlainState {
        var values: [String: String] = [:]

        /// What the operation is answered now; changes the state.
        mutating func perform(_ action: Action) -> Outcome {
            switch action {
            case .read(let name): return .done(.value(values[name]))
            case .write(let name, let value):
                values[name] = value
                return .done(.happened)
            case .compareAndSet(let name, let expected, let value):
                guard values[name] == expected else { return .done(.swapped(false)) }
                values[name] = value
                return .done(.swapped(true))
            case .get(let place):
                let etag = values[Self.name(place)]
                return etag.map { .done(.object(Object(etag: $0, size: 1))) }
                    ?? .refused("noSuchObject")
            case .put(let place, let etag, _, let condition):
                if let refused = Self.refusal(condition, values[Self.name(place)]) {
                    return .refused(refused)
                }
                values[Self.name(place)] = etag
                return .done(.happened)
            case .delete(let place, let condition):
                let old = values[Self.name(place)]
                if let refused = Self.refusal(condition, old) { return .refused(refused) }
                values[Self.name(place)] = nil
                return .done(.removed(old != nil))
            case .list:
                let items = values.sorted { $0.key < $1.key }.map { key, etag in
                    Item(key: Array(key.utf8), object: Object(etag: etag, size: 1))
                }
                return .done(.page(items, isTruncated: false))
            case .usage:
                let count = UInt64(values.count)
                return .done(.usage(objects: count, bytes: count))
            case .createBucket, .deleteBucket, .setQuota, .given:
                preconditionFailure("not made here")
            }
        }

        private static func name(_ place: Place) -> String {
            String(decoding: place.key, as: UTF8.self)
        }

        private static func refusal(_ condition: Condition?, _ old: String?) -> String? {
            switch condition {
            case nil: nil
            case .absent?: old == nil ? nil : "preconditionFailed"
            case .present?: old == nil ? "noSuchObject" : nil
            case .match(let tags)?:
                old == nil
                    ? "noSuchObject" : tags.contains(old ?? "") ? nil : "preconditionFailed"
            }
        }
    }

    /// Operations with one moment each at which they happen, somewhere between call and answer.
    static func history(
        _ count: Int,
        ofObjects: Bool,
        unknownIn: Int,
        _ numbers: inout Numbers
    ) -> [Operation] {
        struct Plan {
            var process: UInt64
            var action: Action
            var call: UInt64
            var moment: UInt64
            var end: UInt64
        }
        var free = Array(repeating: UInt64(0), count: 3)
        var plans: [Plan] = []
        for number in 0..<count {
            let process = Int.random(in: 0..<free.count, using: &numbers)
            let call = free[process] + UInt64.random(in: 1...6, using: &numbers)
            let moment = call + UInt64.random(in: 0...8, using: &numbers)
            let end = moment + UInt64.random(in: 0...8, using: &numbers)
            free[process] = end
            let action =
                ofObjects ? objectAction(number, &numbers) : registerAction(number, &numbers)
            plans.append(
                Plan(process: UInt64(process), action: action, call: call, moment: moment, end: end)
            )
        }
        var state = PlainState()
        var operations: [Operation] = []
        for plan in plans.enumerated().sorted(by: {
            ($0.element.moment, $0.offset) < ($1.element.moment, $1.offset)
        }).map(\.element) {
            let isUnknown = Int.random(in: 0..<unknownIn, using: &numbers) == 0
            let happens = !isUnknown || Bool.random(using: &numbers)
            let outcome = happens ? state.perform(plan.action) : .unknown
            operations.append(
                Operation(
                    process: plan.process,
                    plan.action,
                    isUnknown ? .unknown : outcome,
                    call: plan.call,
                    return: isUnknown ? nil : plan.end
                )
            )
        }
        return operations
    }

    private static func registerAction(_ number: Int, _ numbers: inout Numbers) -> Action {
        let value = "\(Int.random(in: 0..<3, using: &numbers))"
        switch Int.random(in: 0..<4, using: &numbers) {
        case 0: return .write(register: "x", value: value)
        case 1:
            let expected = Int.random(in: 0..<4, using: &numbers)
            return .compareAndSet(
                register: "x",
                expected: expected == 3 ? nil : "\(expected)",
                value: value
            )
        default: return .read(register: "x")
        }
    }

    private static func objectAction(_ number: Int, _ numbers: inout Numbers) -> Action {
        let place = Place("b", Array((Bool.random(using: &numbers) ? "k" : "l").utf8))
        let condition: Condition? =
            switch Int.random(in: 0..<5, using: &numbers) {
            case 0: .absent
            case 1: .present
            case 2: .match(["v\(Int.random(in: 0...number, using: &numbers))"])
            default: nil
            }
        switch Int.random(in: 0..<7, using: &numbers) {
        case 0...2: return .put(place, etag: "v\(number)", size: 1, condition)
        case 3: return .delete(place, condition)
        case 4: return .list(bucket: "b", prefix: [], after: [], maximum: 10)
        case 5: return .usage(bucket: "b")
        default: return .get(place)
        }
    }

    /// Whether any order of any choice of the unknown ones explains all: tries them all.
    static func isLinearizable(_ operations: [Operation]) -> Bool {
        func goes(_ left: [Operation], _ state: PlainState) -> Bool {
            let certain = left.filter { !$0.isUnknown }
            guard let soonest = certain.compactMap(\.returnNanoseconds).min() else { return true }
            for (place, operation) in left.enumerated()
            where operation.callNanoseconds <= soonest {
                var next = state
                let outcome = next.perform(operation.action)
                guard operation.isUnknown || outcome == operation.outcome else { continue }
                var rest = left
                rest.remove(at: place)
                if goes(rest, next) { return true }
            }
            return false
        }
        return goes(operations, PlainState())
    }

    @Test(arguments: [false, true])
    func `what really happened is linearizable`(ofObjects: Bool) {
        for seed in UInt64(0)..<60 {
            var numbers = Numbers(state: seed)
            let count = Int.random(in: 1...400, using: &numbers)
            let history = Self.history(count, ofObjects: ofObjects, unknownIn: 40, &numbers)
            let verdict = Checker(steps: 2_000_000).check(history)
            #expect(verdict.judgement == .linearizable, "seed \(seed): \(verdict.witness)")
        }
    }

    @Test(arguments: [false, true])
    func `what is falsified is judged as by trying every order`(ofObjects: Bool) {
        var judged: [Checker.Judgement: Int] = [:]
        for seed in UInt64(0)..<1_500 {
            var numbers = Numbers(state: seed ^ 0xFA15E)
            let count = Int.random(in: 2...8, using: &numbers)
            var history = Self.history(count, ofObjects: ofObjects, unknownIn: 6, &numbers)
            for _ in 0..<Int.random(in: 0...2, using: &numbers) { falsify(&history, &numbers) }
            let expected: Checker.Judgement =
                Self.isLinearizable(history) ? .linearizable : .notLinearizable
            let verdict = Checker().check(history)
            #expect(
                verdict.judgement == expected,
                "seed \(seed): \(verdict.witness)\n\(history.map(\.line).joined(separator: "\n"))"
            )
            judged[verdict.judgement, default: 0] += 1
        }
        // Both verdicts were asked for often enough.
        #expect(judged[.linearizable, default: 0] > 100)
        #expect(judged[.notLinearizable, default: 0] > 100)
    }

    /// Gives an operation the outcome of another one of its kind, or other times.
    private func falsify(_ history: inout [Operation], _ numbers: inout Numbers) {
        let place = Int.random(in: history.indices, using: &numbers)
        let others = history.filter { $0.kind == history[place].kind && !$0.isUnknown }
        guard !history[place].isUnknown, let other = others.randomElement(using: &numbers) else {
            return
        }
        guard Bool.random(using: &numbers) else {
            let moved = UInt64.random(in: 0...30, using: &numbers)
            let size = UInt64.random(in: 0...4, using: &numbers)
            history[place].callNanoseconds = moved
            history[place].returnNanoseconds = moved + size
            return
        }
        history[place].outcome = other.outcome
    }
}
