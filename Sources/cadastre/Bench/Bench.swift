internal import CadastreClient

/// One run of a bench: prepares, warms up, measures, and reports.
struct Bench: Sendable {
    /// What is measured where no workload is.
    enum Kind: Hashable, Sendable {
        case put
        case get
        /// In pages of so many.
        case list(Int)
        case mixed
        /// Of so many puts.
        case batch(Int)

        /// As it is called on the command line.
        var name: String {
            switch self {
            case .put: "put"
            case .get: "get"
            case .list: "list"
            case .mixed: "mixed"
            case .batch: "batch"
            }
        }
    }

    private let plan: BenchPlan
    private let load: BenchVerbs.LoadOptions

    /// Prepares a run of a plan that was made from these options.
    init(_ plan: BenchPlan, _ load: BenchVerbs.LoadOptions) {
        self.plan = plan
        self.load = load
    }

    /// Runs and prints the report.
    ///
    /// - Throws: `Failure` if the cluster cannot be reached or everything is refused.
    func run() async throws(Failure) {
        let settings = try load.options.settings()
        var configuration = try settings.requestConfiguration()
        configuration.connectionCount = plan.connections
        configuration.deadline = settings.deadline ?? .seconds(30)
        let page = try load.report.map { path throws(Failure) in try ReportFolder(path) }
        let history = try load.history.map { path throws(Failure) in try BenchHistory(path) }
        // What is on its way when the bench ends is settled with the client, before it is written.
        defer { history?.end() }
        let report = try await BenchClients.with(
            configuration,
            outstanding: plan.clients
        ) { clients throws(Failure) in
            try await ImportVerbs.createBucket(plan.bucket, clients.first)
            if plan.populates { try await populate(clients) }
            if let history { try await tell(history, clients.first) }
            return try await measure(clients, history, settings)
        }
        load.options.console.json(report.withoutCurves)
        load.options.console.line(report.text)
        if let page {
            try page.write(report)
            Console.remark("the report is \(Escaped.text(page.index))")
        }
        if Interruption.isRequested {
            throw Interruption.failure("the bench was stopped by a signal before its time")
        }
        history?.end()
        if let failure = history?.failure { throw failure }
        guard report.operations > 0 else {
            throw Failure(
                .tryAgain,
                "no operation was done: \(report.first_trouble ?? "no answer")",
                advice: "look at cadastre status"
            )
        }
    }

    private func measure(
        _ clients: BenchClients,
        _ history: BenchHistory?,
        _ settings: ClusterSettings
    ) async throws(Failure) -> BenchReport {
        let maker = RequestMaker(plan)
        let work = BenchLoad(clients, history: history) { maker.operation($0, of: $1) }
        let plan = plan
        await clients.onLoop { work.begin(plan) }
        async let pacing: Void = pace(clients, work)
        if plan.warmUp > 0 {
            Console.remark("\(plan.name): warming up for \(Readable.time(.seconds(plan.warmUp)))")
        }
        await pause(.seconds(plan.warmUp))
        let before = await nodes.statuses(settings)
        await clients.onLoop { work.reset() }
        let begin = ContinuousClock.now
        await watch(clients, work, from: begin)
        let (meter, waits) = await clients.onLoop { work.measured() }
        let seconds = (ContinuousClock.now - begin).inSeconds
        let after = Interruption.isRequested ? [] : await nodes.statuses(settings)
        // What is on its way after a signal is settled when the client is closed.
        if !Interruption.isRequested {
            await withCheckedContinuation { continuation in
                Task { await clients.onLoop { work.end { continuation.resume() } } }
            }
        }
        await pacing
        return BenchReport(plan, seconds, meter, waits, before: before, after: after)
    }

    private var nodes: BenchNodes { BenchNodes(administrationProfile: load.administrationProfile) }

    /// Sends what an open loop has due when it is; of a closed loop nothing is.
    private func pace(_ clients: BenchClients, _ work: BenchLoad) async {
        while let wait = await clients.onLoop({ work.sendDue() }) {
            // More often than this would cost more than what it brings.
            await pause(.nanoseconds(max(wait, 50_000)))
        }
    }

    /// Says every second how it goes.
    private func watch(
        _ clients: BenchClients,
        _ work: BenchLoad,
        from begin: ContinuousClock.Instant
    ) async {
        var last: UInt64 = 0
        var lastTime = ContinuousClock.now
        let end = begin + .seconds(plan.seconds)
        while ContinuousClock.now < end, !Interruption.isRequested {
            await pause(min(.seconds(1), end - .now))
            let done = await clients.onLoop { work.done }
            let now = ContinuousClock.now
            let rate = Double(done - last) / max(0.001, (now - lastTime).inSeconds)
            let left = max(.zero, end - now)
            Console.remark(
                "\(plan.name): \(Readable.count(done)) done, \(Readable.count(UInt64(rate)))/s, "
                    + "\(Readable.time(left)) left"
            )
            (last, lastTime) = (done, now)
        }
    }

    /// Tells a history what is in the bucket before it begins.
    private func tell(
        _ history: BenchHistory,
        _ client: CadastreClient
    ) async throws(Failure) {
        history.isGiven(plan.bucket)
        var after: [UInt8] = []
        repeat {
            let page = try await client.ask(ListObjects(bucket: plan.bucket, after: after))
                .get(doing: "reading what is in the bucket before the history begins")
            for case .object(let object) in page.elements {
                history.isGiven(object, in: plan.bucket)
            }
            after = page.next
        } while !after.isEmpty && !Interruption.isRequested
    }

    /// Puts every key once, unless the bucket has as many.
    private func populate(_ clients: BenchClients) async throws(Failure) {
        let usage = try await clients.first.ask(GetUsage(bucket: plan.bucket))
            .get(doing: "reading the usage")
        guard usage.objects < plan.keyCount else { return }
        let population = plan.toPopulate
        let maker = RequestMaker(population)
        let size = UInt64(population.batch)
        let batches = plan.keyCount / size + (plan.keyCount % size == 0 ? 0 : 1)
        let progress = Progress("objects put first", total: plan.keyCount)
        let work = BenchLoad(clients, limit: batches) { number, process in
            progress.add(min(size, plan.keyCount - number * size))
            return maker.operation(number, of: process)
        }
        await withCheckedContinuation { continuation in
            Task {
                await clients.onLoop {
                    work.begin(clients: 8)
                    work.onLimit { continuation.resume() }
                }
            }
        }
        progress.finish()
        let (meter, _) = await clients.onLoop { work.measured() }
        guard meter.refused == 0, meter.unknown == 0 else {
            throw Failure(
                .tryAgain,
                "not all objects could be put: \(Escaped.text(meter.firstTrouble ?? ""))",
                advice: "try again"
            )
        }
    }

    private func pause(_ duration: Duration) async {
        do {
            try await Task.sleep(for: max(.zero, duration), tolerance: .zero)
        } catch {
            // Cancelled: what follows notices by itself.
        }
    }
}

/// Asks the nodes what they use.
struct BenchNodes: Sendable {
    /// An operator's profile; nil leaves it to the profile of the cluster.
    var administrationProfile: String?

    /// What the nodes say, or nothing if this identity may not ask them.
    func statuses(_ settings: ClusterSettings) async -> [NodeStatus] {
        do throws(Failure) {
            var settings = settings
            if let path = administrationProfile ?? settings.administrationProfile {
                settings = try ClusterOptions.settings(profile: path)
            }
            guard !settings.administrationEndpoints.isEmpty else { return [] }
            let reports = try await NodeReport.all(settings)
            let statuses = reports.compactMap(\.status)
            if statuses.isEmpty {
                let reason = Escaped.text(reports.first?.reason ?? "no node is known")
                Console.remark(
                    "the nodes' own numbers are missing (\(reason)); "
                        + "give --administration-profile, or name it in the profile"
                )
            }
            return statuses
        } catch {
            Console.remark("the nodes' own numbers are missing: \(error.what)")
            return []
        }
    }
}
