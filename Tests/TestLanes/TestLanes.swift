internal import Dispatch
internal import Synchronization
public import Testing

/// Runs long, synchronous test cases on threads of their own.
///
/// The test runner starts all cases at once on as many threads as there are cores. Cases that
/// compute for minutes without a pause hold all of them, and what waits for a socket or a deadline
/// meanwhile fails for want of a thread. On lanes the machine shares itself fairly.
public struct LaneTrait: TestTrait, SuiteTrait, TestScoping {
    /// It applies to each case of a suite.
    public let isRecursive = true

    /// Runs one case on the next lane.
    ///
    /// - Throws: What the case throws.
    @concurrent
    public func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(Lane.next()) { try await function() }
    }
}

extension Trait where Self == LaneTrait {
    /// The cases compute for long without a pause.
    public static var heavy: LaneTrait { LaneTrait() }
}

/// One thread's worth of work, in order.
private final class Lane: TaskExecutor {
    private let queue = DispatchQueue(label: "test lane")

    /// As many as the machines have cores on which the tests must run.
    private static let lanes = [Lane(), Lane()]
    private static let turn = Atomic(0)

    static func next() -> Lane {
        lanes[turn.wrappingAdd(1, ordering: .relaxed).oldValue % lanes.count]
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
