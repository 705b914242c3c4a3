internal import CadastreSimulation
internal import Dispatch
internal import Synchronization

/// Lives many worlds on several threads, each world on one.
struct SeedQueue {
    /// Lived before any other.
    var first: [UInt64] = []
    /// From here on.
    var from: UInt64
    /// So many at least.
    var count: UInt64
    /// And until so many answers were checked.
    var operations = 0
    /// Ends with the first world that breaks a promise.
    var isEndedByViolation = false
    /// A bug to plant.
    var sabotage: Sabotage?
    /// More is lost than can be survived.
    var isBeyond = false

    /// What became of one world.
    enum Ending {
        case kept(Simulation.Outcome)
        case broken(Violation)
    }

    /// What is handed out, and what came of it; seen by one thread at a time.
    private struct State {
        var given: UInt64 = 0
        var isOver = false
        var progress: SeedProgress
    }

    /// Lives them.
    ///
    /// - Parameters:
    ///   - jobs: Threads, at least 1.
    ///   - told: Gets each ending, one at a time, in the order in which worlds end.
    /// - Returns: What they came to.
    func live(jobs: Int, told: (UInt64, Ending) -> Void) -> SeedProgress {
        let total = UInt64(first.count) + count
        let state = Mutex(State(progress: SeedProgress(total: total, operations: operations)))
        // The closure is called under the lock only.
        nonisolated(unsafe) let told = told
        DispatchQueue.concurrentPerform(iterations: jobs) { _ in
            while let seed = next(state) {
                let ending = live(seed)
                state.withLock { state in
                    state.progress.ended(ending)
                    if case .broken = ending, isEndedByViolation { state.isOver = true }
                    unsafe told(seed, ending)
                }
            }
        }
        return state.withLock { $0.progress }
    }

    private func next(_ state: borrowing Mutex<State>) -> UInt64? {
        state.withLock { state in
            let place = state.given
            let isFirst = place < UInt64(first.count)
            let isWanted = isFirst || place - UInt64(first.count) < count
            guard !state.isOver, isWanted || state.progress.checked < operations else { return nil }
            let seed = isFirst ? first[Int(place)] : from + (place - UInt64(first.count))
            state.given += 1
            state.progress.begins(seed)
            return seed
        }
    }

    private func live(_ seed: UInt64) -> Ending {
        do throws(Violation) {
            return .kept(try Simulation.run(seed: seed, sabotage: sabotage, isBeyond: isBeyond))
        } catch {
            return .broken(error)
        }
    }
}
