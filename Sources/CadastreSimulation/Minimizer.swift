/// Which of the things that are done to a world are really done, by their numbers: faults, what the
/// operator wants, what rots, in the order in which each seed draws them.
///
/// What is left out changes what is drawn after it: the same choice is always the same history, and
/// another choice is another one.
package struct FaultChoice: Hashable, Sendable {
    /// Looked up, never iterated; nil: all.
    private let numbers: Set<Int>?

    /// All.
    package static let all = FaultChoice(numbers: nil)

    /// These and no others; the first is number 1.
    package init(only numbers: [Int]) { self.init(numbers: Set(numbers)) }

    private init(numbers: Set<Int>?) { self.numbers = numbers }

    /// Whether the one of this number is done.
    func includes(_ number: Int) -> Bool { numbers?.contains(number) ?? true }
}

/// Shrinks what is done to a world that broke a promise to what is needed for that (delta debugging:
/// Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
package enum Minimizer {
    /// What is left.
    package struct Result: Sendable {
        /// The numbers of what is done, ascending: leaving out any one more keeps the promise, or breaks
        /// another.
        package var numbers: [Int]
        /// What it breaks, with its story.
        package var violation: Violation
        /// Worlds that were lived for it.
        package var runs: Int
    }

    /// Shrinks a seed.
    ///
    /// Cost: some tens to hundreds of lives of the world.
    ///
    /// - Parameters:
    ///   - seed: The world.
    ///   - sabotage: As ``Simulation/run(seed:sabotage:faults:print:)``.
    ///   - progress: Told how many are left, after how many lives.
    /// - Returns: Nil if the world keeps all promises.
    package static func minimize(
        seed: UInt64,
        sabotage: Sabotage? = nil,
        progress: (_ left: Int, _ runs: Int) -> Void = { _, _ in }
    ) -> Result? {
        var runs = 0
        func violation(_ choice: FaultChoice) -> Violation? {
            runs += 1
            do throws(Violation) {
                _ = try Simulation.run(seed: seed, sabotage: sabotage, faults: choice)
                return nil
            } catch {
                return error
            }
        }
        guard var found = violation(.all) else { return nil }
        let rule = found.rule
        var kept = Array(1...max(1, found.faults))
        /// Whether the same breaks without these; then they are left out from here on.
        func isSmaller(without range: Range<Int>) -> Bool {
            var rest = kept
            rest.removeSubrange(range)
            guard let next = violation(FaultChoice(only: rest)), next.rule == rule else {
                return false
            }
            found = next
            kept = rest.filter { $0 <= next.faults }
            progress(kept.count, runs)
            return true
        }
        var pieces = 1
        while !kept.isEmpty {
            let size = (kept.count + pieces - 1) / pieces
            let starts = Array(stride(from: 0, to: kept.count, by: size))
            // From the end: what came last is needed least often.
            let hasShrunk = starts.reversed().contains { start in
                isSmaller(without: start..<min(start + size, kept.count))
            }
            if hasShrunk {
                pieces = max(pieces - 1, 1)
            } else if size == 1 {
                break
            } else {
                pieces = min(kept.count, pieces * 2)
            }
        }
        return Result(numbers: kept, violation: found, runs: runs)
    }
}
