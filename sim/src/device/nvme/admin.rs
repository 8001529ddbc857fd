//! Admin commands (NVM Express Base 1.4, 5).

use super::command::{admin, Command, Status, ALL};
use super::controller::{Job, Next, Nvme};
use super::event::EVENT_REQUESTS;
use super::identify::{self, NSID};
use super::queue::{CompletionQueue, Done, SubmissionQueue};
use super::registers::QUEUE_ENTRIES;

impl Nvme {
    /// Begins an admin command.
    pub(super) fn admin(&mut self, command: &Command) -> Result<Next, Status> {
        match command.opcode() {
            admin::CREATE_CQ => self.create_cq(command),
            admin::CREATE_SQ => self.create_sq(command),
            admin::DELETE_CQ => self.delete_cq(command),
            admin::DELETE_SQ => self.delete_sq(command),
            admin::IDENTIFY => self.identify(command),
            admin::GET_LOG => self.get_log(command),
            admin::SET_FEATURES => {
                let busy = self.queues.sqs.len() > 1 || self.queues.cqs.len() > 1;
                self.kept_alive = self.now;
                self.features.set(command, busy).map(Next::Done)
            }
            admin::GET_FEATURES => self.features.get(command).map(Next::Done),
            admin::ASYNC_EVENT if self.events.requests.len() >= EVENT_REQUESTS => Err(Status::EVENT_LIMIT),
            admin::ASYNC_EVENT => {
                self.events.requests.push_back(command.id());
                Ok(Next::Keep)
            }
            admin::ABORT => Ok(Next::Done(self.abort(command))),
            admin::KEEP_ALIVE => {
                self.kept_alive = self.now;
                Ok(Next::Done(0))
            }
            _ => Err(Status::INVALID_OPCODE),
        }
    }

    /// Queue identifier and base address of a queue to be made.
    fn new_queue(&self, command: &Command, taken: bool) -> Result<(u16, u64, u32), Status> {
        let (id, size) = (command.dw(10) as u16, (command.dw(10) >> 16) + 1);
        let (base, _) = command.prp();
        if id == 0 || id > self.config.queues || taken {
            return Err(Status::QUEUE_ID);
        }
        if !(2..=QUEUE_ENTRIES).contains(&size) {
            return Err(Status::QUEUE_SIZE);
        }
        // Queues are contiguous (CAP.CQR); CC must say how large an entry is.
        if command.dw(11) & 1 == 0 || !self.registers.has_entry_sizes() {
            return Err(Status::INVALID_FIELD);
        }
        if base % self.registers.page() != 0 {
            return Err(Status::PRP_OFFSET);
        }
        Ok((id, base, size))
    }

    fn create_cq(&mut self, command: &Command) -> Result<Next, Status> {
        let (id, base, size) = self.new_queue(command, self.queues.cqs.contains_key(&(command.dw(10) as u16)))?;
        let (enabled, vector) = (command.dw(11) >> 1 & 1 == 1, (command.dw(11) >> 16) as u16);
        if vector >= self.config.vectors {
            return Err(Status::VECTOR);
        }
        self.queues.cqs.insert(id, CompletionQueue::new(base, size, enabled.then_some(vector)));
        Ok(Next::Done(0))
    }

    fn create_sq(&mut self, command: &Command) -> Result<Next, Status> {
        let (id, base, size) = self.new_queue(command, self.queues.sqs.contains_key(&(command.dw(10) as u16)))?;
        let completion = (command.dw(11) >> 16) as u16;
        if completion == 0 || completion > self.config.queues {
            return Err(Status::QUEUE_ID);
        }
        if !self.queues.cqs.contains_key(&completion) {
            return Err(Status::CQ_INVALID);
        }
        self.queues.sqs.insert(id, SubmissionQueue::new(base, size, completion));
        Ok(Next::Done(0))
    }

    fn delete_cq(&mut self, command: &Command) -> Result<Next, Status> {
        let id = command.dw(10) as u16;
        if id == 0 || !self.queues.cqs.contains_key(&id) {
            return Err(Status::QUEUE_ID);
        }
        if self.queues.sqs.values().any(|sq| sq.completion == id) {
            return Err(Status::QUEUE_DELETION);
        }
        self.queues.cqs.remove(&id);
        Ok(Next::Done(0))
    }

    /// Commands of the queue that are under way end as aborted, before this one.
    fn delete_sq(&mut self, command: &Command) -> Result<Next, Status> {
        let id = command.dw(10) as u16;
        if id == 0 || !self.queues.sqs.contains_key(&id) {
            return Err(Status::QUEUE_ID);
        }
        let of_queue = self.running.iter().filter(|(_, running)| running.queue == id);
        let aborted: Vec<u64> = of_queue.map(|(&key, _)| key).collect();
        self.transfers.cancel(|job| match job {
            Job::Fetch(queue) => queue == id,
            Job::List(key) | Job::Data(key) => aborted.contains(&key),
        });
        aborted.into_iter().for_each(|key| self.end(key, Err(Status::SQ_DELETED)));
        self.queues.sqs.remove(&id);
        Ok(Next::Done(0))
    }

    /// Dword 0 is 0 if the command was aborted. Only async event requests wait long enough.
    fn abort(&mut self, command: &Command) -> u32 {
        let (queue, id) = (command.dw(10) as u16, (command.dw(10) >> 16) as u16);
        let waits = self.events.requests.iter().position(|&request| request == id).filter(|_| queue == 0);
        let Some(at) = waits else { return 1 };
        self.events.requests.remove(at);
        self.queues.done(Done { queue, id, result: 0, status: Status::ABORTED });
        0
    }

    fn identify(&self, command: &Command) -> Result<Next, Status> {
        let nsid = command.nsid();
        let data = match command.dw(10) as u8 {
            0x00 | 0x03 if nsid != NSID => return Err(Status::INVALID_NAMESPACE),
            0x00 => identify::namespace(&self.config, self.blocks()),
            0x01 => identify::controller(&self.config, self.config.vendor),
            // NSIDs above all ones but one cannot be (5.15.2.3).
            0x02 if nsid >= ALL - 1 => return Err(Status::INVALID_NAMESPACE),
            0x02 => identify::active(nsid),
            0x03 => identify::descriptors(&self.config),
            _ => return Err(Status::INVALID_FIELD),
        };
        Ok(Next::Send(data))
    }

    fn get_log(&mut self, command: &Command) -> Result<Next, Status> {
        let (id, retain) = (command.dw(10) as u8, command.dw(10) >> 15 & 1 == 1);
        let len = (u64::from(command.dw(11) & 0xffff) << 16 | u64::from(command.dw(10) >> 16)) * 4 + 4;
        let offset = command.qw(12);
        if len > self.config.largest() || offset % 4 != 0 {
            return Err(Status::INVALID_FIELD);
        }
        if !matches!(command.nsid(), 0 | NSID | ALL) {
            return Err(Status::INVALID_NAMESPACE);
        }
        let page = self.logs.page(id)?;
        let from = usize::try_from(offset).ok().filter(|&from| from < page.len()).ok_or(Status::INVALID_FIELD)?;
        let mut data = page[from..].to_vec();
        // What is asked for beyond the end is zero.
        data.resize(len as usize, 0);
        if !retain {
            self.events.seen(id);
        }
        Ok(Next::Send(data))
    }
}
