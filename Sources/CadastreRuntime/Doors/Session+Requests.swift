internal import CadastreNode
internal import CadastreProtocol
internal import CoreMetrics
internal import Metrics
internal import RaftCore

/// What a client asks, on its way in.
extension Session {
    /// Takes one message: a request that is let in, refused, or a fault.
    ///
    /// - Throws: `ProtocolError` if the connection must end.
    func take(
        _ header: FrameHeader,
        _ body: Span<UInt8>,
        by principal: Principal,
        at received: UInt64
    ) throws(ProtocolError) {
        guard header.kind == .request else {
            throw ProtocolError(.malformed, "a client sends requests only")
        }
        do throws(ProtocolError) {
            guard header.group == GroupID.directory.value else {
                throw ProtocolError(.notSupported, "there is no such group in this cluster")
            }
            guard !desk.isStopping else {
                throw ProtocolError(.shuttingDown, "the node is shutting down")
            }
            guard requests.count < context.bounds.requestsPerConnection else {
                throw ProtocolError(.overloaded, "the connection has too many requests on the way")
            }
            let request = try RequestMessage(decoding: body)
            context.metrics.requests[.init(request.content.kind)].increment()
            try Authorization.checkIdentity(request)
            if case .command(let command) = request.content {
                try command.tag.checkIsAllowed(atFeatureLevel: context.view.featureLevel)
            }
            if context.identity.isWitness, request.content.kind != .administration {
                let leader = context.roster.full(context.view.now.leader)
                refuse(header.requestID, .notLeader, "the node is a witness", leader: leader)
                return
            }
            try admit(request, header.requestID, body.count, by: principal, at: received)
        } catch {
            refuse(header.requestID, error.refusal, error.detail)
        }
    }

    private func admit(
        _ request: RequestMessage,
        _ requestID: UInt64,
        _ size: Int,
        by principal: Principal,
        at received: UInt64
    ) throws(ProtocolError) {
        let tenant: TenantID
        do throws(Authorization.Denial) {
            tenant = try Authorization.judge(
                request.content,
                for: request.tenant,
                by: principal,
                access: desk.access
            )
        } catch {
            switch error {
            case .never(let reason): throw reason
            case .unknownTenant:
                unknownTenant(requestID, request.consistency, principal)
                return
            }
        }
        let share = Share(tenant, principal, desk.access)
        var size = size + ExpectedReply.size(request.content) + RuntimeLimits.requestOverhead
        if case .command(let command) = request.content {
            size += (command.operations - 1) * RuntimeLimits.operationOverhead
        }
        if let reason = desk.admission.admit(share, size: size) { throw reason }
        let deadline = received + UInt64(request.effectiveDeadlineMilliseconds) * 1_000_000
        let key = requests.add(
            OpenRequest(
                clientID: requestID,
                kind: request.content.kind,
                whenLate: LateOutcome(request.content),
                share: share,
                size: size,
                received: received,
                deadline: deadline
            )
        )
        dispatch(
            request,
            key: RequestKey(connection: number, request: key),
            tenant: tenant,
            turn: share.turn,
            principal: principal,
            deadline: deadline
        )
    }

    /// The tenant is absent or forbidden here.
    ///
    /// A node that may be behind does not know: the caller is sent to the one that does.
    private func unknownTenant(
        _ requestID: UInt64,
        _ consistency: Consistency,
        _ principal: Principal
    ) {
        let view = context.view.now
        let isTold = consistency == .any || view.isSettledLeader
        if !isTold, view.role == .leader || view.leader == .none {
            refuse(requestID, .notReady, "the node is catching up")
        } else if !isTold {
            refuse(requestID, .notLeader, "", leader: view.leader)
        } else if case .operator = principal {
            refuse(requestID, .noSuchTenant, "")
        } else {
            refuse(requestID, .notPermitted, "")
        }
    }

    private func dispatch(
        _ request: RequestMessage,
        key: RequestKey,
        tenant: TenantID,
        turn: TenantID,
        principal: Principal,
        deadline: UInt64
    ) {
        switch request.content {
        case .command(let command):
            let envelope = CommandEnvelope(
                principal: principal,
                tenant: tenant,
                rangeEpoch: request.rangeEpoch,
                bucketEpoch: request.bucketEpoch,
                identity: request.identity,
                command: command
            )
            desk.add(
                WaitingCommand(
                    key: key,
                    tenant: turn,
                    envelope: envelope,
                    deadline: deadline
                )
            )
        case .query(let query):
            var waiting = WaitingQuery(
                key: key,
                principal: principal,
                tenant: tenant,
                query: query,
                deadline: deadline
            )
            switch request.consistency {
            case .linearizable: desk.add(waiting)
            case .any: desk.add(.query(waiting, index: .zero))
            case .atLeast(let index):
                guard index <= context.view.applied + RuntimeLimits.maximumIndexLookahead else {
                    finish(key.request, .notReady, "the index is far ahead of what is applied here")
                    return
                }
                desk.add(.query(waiting, index: LogIndex(index)))
            case .bounded(let milliseconds):
                let (age, isEndless) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
                waiting.maximumAge = isEndless ? .max : age
                desk.add(waiting)
            }
        case .administration(let request):
            AdministrationDesk.take(request, key, context, desk)
        }
    }
}
